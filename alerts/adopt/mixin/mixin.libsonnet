// Built by `vigil policy build` from alerts/policy.yaml; change that.
{
  prometheusAlerts+:: import 'alerts.json',
  prometheusRules+:: import 'rules.json',
  grafanaDashboards+:: {},
}
