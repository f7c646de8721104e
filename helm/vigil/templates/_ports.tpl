{{/* Ports that the settings name, for the NetworkPolicy. */}}

{{- define "vigil.kafkaPorts" -}}
{{- $ports := list }}
{{- range splitList "," .Values.settings.broker }}
{{- $ports = append $ports (regexFind "[0-9]+$" . | int) }}
{{- end }}
{{- range .Values.networkPolicy.extraKafkaPorts }}
{{- $ports = append $ports (. | int) }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* Without a port in the address, the one that clickhouse-connect takes. */}}
{{- define "vigil.storePort" -}}
{{- $url := urlParse .Values.settings.store }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $port | default (eq $url.scheme "https" | ternary "8443" "8123") }}
{{- end }}

{{/* The port of an http address. */}}
{{- define "vigil.urlPort" -}}
{{- $url := urlParse . }}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (eq $url.scheme "https" | ternary "443" "80") }}
{{- end }}
