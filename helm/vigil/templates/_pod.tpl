{{/* What every pod of Vigil has in common, whatever it runs. */}}

{{/* Settings as VIGIL_ variables, in the pod and not in a ConfigMap: a change rolls the pods, and a hook has them. */}}
{{- define "vigil.env" -}}
{{- range $name, $value := .Values.settings }}
{{- /* toJson, because Helm reads 134217728 as a float, which Go prints as 1.34217728e+08. */}}
{{- $text := ternary $value ($value | toJson) (kindIs "string" $value) }}
{{- if ne $text "" }}
- name: VIGIL_{{ $name | snakecase | upper }}
  value: {{ $text | quote }}
{{- end }}
{{- end }}
{{- if .Values.secrets.storePassword.name }}
- name: VIGIL_STORE_PASSWORD_FILE
  value: /run/secrets/vigil/store-password
{{- end }}
{{- if .Values.secrets.otlpKey.name }}
- name: VIGIL_OTLP_KEY_FILE
  value: /run/secrets/vigil/otlp-key
{{- end }}
- name: NUMBA_CACHE_DIR # numba compiles at the start, and the image is read-only
  value: /var/cache/vigil
{{- end }}

{{/* A container that runs `vigil` with one command; the caller adds its own fields after it. */}}
{{- define "vigil.container" -}}
{{- $root := index . 0 -}}
{{- $command := index . 1 -}}
name: {{ $command }}
image: {{ include "vigil.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command: ["vigil", {{ $command | quote }}]
env:
  {{- include "vigil.env" $root | trim | nindent 2 }}
resources:
  {{- toYaml $root.Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
volumeMounts:
  - name: cache
    mountPath: /var/cache/vigil
  - name: tmp
    mountPath: /tmp
  {{- if include "vigil.hasSecrets" $root }}
  - name: secrets
    mountPath: /run/secrets/vigil
    readOnly: true
  {{- end }}
{{- end }}

{{- define "vigil.hasSecrets" -}}
{{- if or .Values.secrets.storePassword.name .Values.secrets.otlpKey.name }}yes{{ end }}
{{- end }}

{{- define "vigil.podFields" -}}
automountServiceAccountToken: false
# A Service called vigil-x would put VIGIL_X_PORT into the environment, and Vigil refuses a setting it does not know.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: cache
    emptyDir:
      sizeLimit: 256Mi
  - name: tmp
    emptyDir:
      sizeLimit: 256Mi
  {{- if include "vigil.hasSecrets" . }}
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- range $path, $secret := dict "store-password" .Values.secrets.storePassword "otlp-key" .Values.secrets.otlpKey }}
        {{- if $secret.name }}
        - secret:
            name: {{ $secret.name }}
            items:
              - key: {{ $secret.key }}
                path: {{ $path }}
        {{- end }}
        {{- end }}
  {{- end }}
{{- end }}
