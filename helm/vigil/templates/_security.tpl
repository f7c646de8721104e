{{/* Security of the broker and the store: what must not run or would give a password away, and what KEDA needs. */}}

{{- define "vigil.securityRefusals" -}}
{{- $settings := .Values.settings }}
{{- $secrets := .Values.secrets }}
{{- $security := $settings.brokerSecurity }}
{{- $tls := has $security (list "ssl" "sasl_ssl") }}
{{- $sasl := hasPrefix "sasl_" $security }}
{{- range list "brokerCa" "brokerCert" "brokerKey" }}
{{- if and (not $tls) (index $secrets .).name }}
{{- fail (printf "secrets.%s is for TLS, and settings.brokerSecurity is %s; say ssl or sasl_ssl" . $security) }}
{{- end }}
{{- end }}
{{- if ne (empty $secrets.brokerCert.name) (empty $secrets.brokerKey.name) }}
{{- fail "secrets.brokerCert and secrets.brokerKey belong together: a certificate proves nothing without its key" }}
{{- end }}
{{- if and $sasl (or (not $settings.brokerUser) (not $secrets.brokerPassword.name)) }}
{{- fail (printf "settings.brokerSecurity is %s: it needs settings.brokerUser and secrets.brokerPassword" $security) }}
{{- end }}
{{- if and (not $sasl) (or $settings.brokerUser $secrets.brokerPassword.name) }}
{{- fail (printf "settings.brokerUser and secrets.brokerPassword are for SASL, and settings.brokerSecurity is %s" $security) }}
{{- end }}
{{- if not $settings.cleartextPasswords }}
{{- if eq $security "sasl_plaintext" }}
{{- fail "settings.brokerSecurity is sasl_plaintext: the password would go unencrypted; say sasl_ssl, or cleartextPasswords: true" }}
{{- end }}
{{- if and (hasPrefix "http://" $settings.store) $secrets.storePassword.name }}
{{- fail "settings.store is http: the password would go unencrypted; say https, or cleartextPasswords: true" }}
{{- end }}
{{- end }}
{{- if and (hasPrefix "http://" $settings.store) $secrets.storeCa.name }}
{{- fail "secrets.storeCa is for TLS, and settings.store is http; say https" }}
{{- end }}
{{- end }}

{{/* What KEDA calls each Secret of the broker; empty when there is none. */}}
{{- define "vigil.kedaParameters" -}}
{{- range $parameter, $name := dict "ca" "brokerCa" "cert" "brokerCert" "key" "brokerKey" "password" "brokerPassword" }}
{{- with index $.Values.secrets $name }}
{{- if .name }}
- parameter: {{ $parameter }}
  name: {{ .name }}
  key: {{ .key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
