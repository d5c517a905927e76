{{- /* What the operator needs in the namespaces that it works in. */}}
{{- define "compass.namespacedRules" }}
- apiGroups: [compass.dev]
  resources: [deploymentintents]
  verbs: [get, list, watch]
- apiGroups: [compass.dev]
  resources: [deploymentintents/status]
  verbs: [update]
{{- $deliver := "[get, list, watch, create, patch, delete]" }}
- apiGroups: [""]
  resources: [configmaps, services, persistentvolumeclaims]
  verbs: {{ $deliver }}
- apiGroups: [apps]
  resources: [deployments]
  verbs: {{ $deliver }}
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: {{ $deliver }}
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: {{ $deliver }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: {{ $deliver }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: {{ $deliver }}
- apiGroups: [inference.networking.k8s.io]
  resources: [inferencepools]
  verbs: {{ $deliver }}
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: {{ $deliver }}
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors, prometheusrules]
  verbs: {{ $deliver }}
- apiGroups: [serving.kserve.io]
  resources: [llminferenceservices]
  verbs: {{ $deliver }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# What keeps a model from serving, and what quotas leave.
- apiGroups: [""]
  resources: [pods, resourcequotas]
  verbs: [list, watch]
{{- end }}

{{- /* What the cluster has room for. */}}
{{- define "compass.capacityRules" }}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
{{- end }}

{{- /* That only one of several operators works, in their own namespace. */}}
{{- define "compass.leaderRules" }}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
