{{/* Up within minutes, down one worker at a time: each that goes is a rebalance. */}}
{{- define "vigil.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 60
scaleDown:
  stabilizationWindowSeconds: {{ .Values.scaleDownStabilizationSeconds }}
  policies:
    - type: Pods
      value: 1
      periodSeconds: 120
{{- end }}
