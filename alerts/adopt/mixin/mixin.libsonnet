// Built by `vigil policy build` from alerts/policy.yaml; change that.
{
  prometheusAlerts+:: import 'alerts.json',
  prometheusRules+:: import 'rules.json',
  grafanaDashboards+:: {
    'vigil-fleet.json': import '../../dashboards/built/fleet.json',
    'vigil-feature.json': import '../../dashboards/built/feature.json',
    'vigil-detection.json': import '../../dashboards/built/detection.json',
    'vigil-incident.json': import '../../dashboards/built/incident.json',
    'vigil-pipeline.json': import '../../dashboards/built/pipeline.json',
  },
}
