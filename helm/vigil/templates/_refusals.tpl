{{/* Values that fit the schema and must not run, each with its reason. deployment.yaml calls it. */}}

{{- define "vigil.refusals" -}}
{{- with .Values.image }}
{{- if not .repository }}
{{- fail "image.repository is empty: no image of Vigil is published; build one with helm/Dockerfile and name it" }}
{{- end }}
{{- if and (eq .tag "latest") (not .digest) }}
{{- fail "image.tag is latest: pods would differ from one another, and a rollback would not roll it back" }}
{{- end }}
{{- end }}
{{- with .Values.settings }}
{{- if not (regexMatch "^[^\\s,:]+:[0-9]+(,[^\\s,:]+:[0-9]+)*$" .broker) }}
{{- fail "settings.broker must be host:port, or several with commas: it says where Kafka is" }}
{{- end }}
{{- if regexMatch "(^|,)(localhost|127\\.[0-9.]+):" .broker }}
{{- fail "settings.broker is loopback: in a pod that is the pod itself" }}
{{- end }}
{{- if hasPrefix "chdb:" .store }}
{{- fail "settings.store is embedded: that belongs to one process, and its data to one machine; name a ClickHouse server" }}
{{- end }}
{{- if not (regexMatch "^https?://[^\\s/?#]+/[^\\s/?#]+$" .store) }}
{{- fail "settings.store must be http(s)://user@host:port/database: it says where ClickHouse is" }}
{{- end }}
{{- if regexMatch "^https?://[^/@]*:[^/@]*@" .store }}
{{- fail "settings.store holds a password, which everybody who may read pods would read; use secrets.storePassword" }}
{{- end }}
{{- if eq (.replication | int) 0 }}
{{- fail "settings.replication is 0: a topic has one replica at least, and -1 takes the broker's default" }}
{{- end }}
{{- if regexMatch "^(localhost|127\\..*|::1)$" .metricsHost }}
{{- fail "settings.metricsHost is loopback: neither the kubelet nor Prometheus reaches it, and pods never become ready" }}
{{- end }}
{{- if not .metricsPort }}
{{- fail "settings.metricsPort is 0, a free port: nobody would know which one to scrape" }}
{{- end }}
{{- end }}
{{- include "vigil.securityRefusals" . }}
{{- if and .Values.policy.text .Values.policy.configMap.name }}
{{- fail "policy.text and policy.configMap.name are both given: workers read one policy" }}
{{- end }}
{{- if and .Values.probe.enabled (not (regexMatch "^https?://[^\\s/@]+(/[^\\s?#@]*)?$" .Values.settings.prometheus)) }}
{{- fail "probe.enabled needs settings.prometheus, http(s)://host:port without a password: a probe must come out there" }}
{{- end }}
{{- if and .Values.secrets.pagerdutyKey.name (not (regexMatch "^https?://[^\\s/@]+/?$" .Values.settings.pagerdutyUrl)) }}
{{- fail "settings.pagerdutyUrl must be http(s)://host:port, as secrets.pagerdutyKey is sent there" }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}
{{- fail "autoscaling and keda are both enabled: two autoscalers would pull at one number of workers" }}
{{- end }}
{{- range $name := list "autoscaling" "keda" }}
{{- $scaler := index $.Values $name }}
{{- if gt ($scaler.minReplicas | int) ($scaler.maxReplicas | int) }}
{{- fail (printf "%s.minReplicas is above %s.maxReplicas" $name $name) }}
{{- end }}
{{- end }}
{{- if .Values.settings.createTopics }}
{{- $most := .Values.replicas | int }}
{{- if .Values.autoscaling.enabled }}{{ $most = .Values.autoscaling.maxReplicas | int }}{{ end }}
{{- if .Values.keda.enabled }}{{ $most = .Values.keda.maxReplicas | int }}{{ end }}
{{- if gt $most (.Values.settings.partitions | int) }}
{{- fail (printf "%d workers and %d partitions: the rest would stand idle; raise settings.partitions, or say createTopics: false where the topics exist and have more" $most (.Values.settings.partitions | int)) }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.serviceMonitor.enabled (not .Values.networkPolicy.metricsFrom) }}
{{- fail "networkPolicy.metricsFrom is empty: Prometheus could not scrape, and every alert would rest on nothing" }}
{{- end }}
{{- end }}
