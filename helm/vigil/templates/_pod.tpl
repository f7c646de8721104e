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
{{- range $name, $secret := .Values.secrets }}
{{- if $secret.name }}
- name: VIGIL_{{ $name | snakecase | upper }}_FILE
  value: /run/secrets/vigil/{{ $name | kebabcase }}
{{- end }}
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
  {{- if and (eq $command "worker") (include "vigil.policyMap" $root) }}
  - name: VIGIL_POLICY
    value: /etc/vigil/policy.yaml
  {{- end }}
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
  {{- if and (eq $command "worker") (include "vigil.policyMap" $root) }}
  - name: policy # the folder and no subPath, which would never change
    mountPath: /etc/vigil
    readOnly: true
  {{- end }}
{{- end }}

{{/* The ConfigMap of the policy; empty where the image's own is meant. */}}
{{- define "vigil.policyMap" -}}
{{- .Values.policy.configMap.name | default (ternary (printf "%s-policy" (include "vigil.fullname" .)) "" (ne .Values.policy.text "")) -}}
{{- end }}

{{/* For workers alone, after their other volumes: a hook runs before the chart's own ConfigMap is there. */}}
{{- define "vigil.policyVolume" -}}
{{- with include "vigil.policyMap" . }}
- name: policy
  configMap:
    name: {{ . }}
    items:
      - key: {{ if $.Values.policy.configMap.name }}{{ $.Values.policy.configMap.key }}{{ else }}policy.yaml{{ end }}
        path: policy.yaml
{{- end }}
{{- end }}

{{- define "vigil.hasSecrets" -}}
{{- range .Values.secrets }}{{ if .name }}yes{{ end }}{{ end }}
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
        {{- range $name, $secret := .Values.secrets }}
        {{- if $secret.name }}
        - secret:
            name: {{ $secret.name }}
            items:
              - key: {{ $secret.key }}
                path: {{ $name | kebabcase }}
        {{- end }}
        {{- end }}
  {{- end }}
{{- end }}
