{{- define "compass.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "compass.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "compass.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "compass.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Names of what is one for the cluster tell apart releases of one name in two namespaces. */}}
{{- define "compass.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "compass.fullname" .) }}
{{- end }}

{{- define "compass.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: compass
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "compass.releaseLabels" . }}
{{- end }}

{{- define "compass.releaseLabels" -}}
app.kubernetes.io/name: {{ include "compass.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "compass.operatorLabels" -}}
{{ include "compass.releaseLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "compass.evaluationLabels" -}}
{{ include "compass.releaseLabels" . }}
app.kubernetes.io/component: evaluation-postgresql
{{- end }}

{{- define "compass.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "compass.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "compass.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "compass.evaluationName" -}}
{{ include "compass.fullname" . }}-evaluation-postgresql
{{- end }}

{{- /* The Secret with the knowledge base's URL, and its key. */}}
{{- define "compass.databaseSecret" -}}
{{- if .Values.evaluation.enabled }}
{{- if .Values.database.existingSecret.name }}
{{- fail "evaluation.enabled brings a database, and database.existingSecret.name names another: choose one of them" }}
{{- end -}}
name: {{ include "compass.evaluationName" . }}
key: DATABASE_URL
{{- else -}}
name: {{ required "which knowledge base? set database.existingSecret.name to a Secret with its URL, or, only to try Compass out, evaluation.enabled=true" .Values.database.existingSecret.name }}
key: {{ .Values.database.existingSecret.key }}
{{- end }}
{{- end }}

{{- define "compass.databaseEnv" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      {{- include "compass.databaseSecret" . | nindent 6 }}
{{- range $variable, $key := dict "DATABASE_DIRECT_URL" .Values.database.existingSecret.directKey "DATABASE_READ_URL" .Values.database.existingSecret.readKey }}
{{- if $key }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef: {name: {{ $.Values.database.existingSecret.name }}, key: {{ $key }}}
{{- end }}
{{- end }}
{{- end }}

{{- /* What every container of Compass has: TLS to PostgreSQL, and what the values add. */}}
{{- define "compass.commonEnv" -}}
- name: PGSSLMODE
  value: {{ .Values.database.tls.mode }}
{{- if .Values.database.tls.caSecret.name }}
- name: PGSSLROOTCERT
  value: /etc/compass/postgresql/{{ .Values.database.tls.caSecret.key }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* What every container of Compass is. */}}
{{- define "compass.container" -}}
image: {{ include "compass.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What runs before the operator, in order. */}}
{{- define "compass.initContainers" -}}
{{- if .Values.evaluation.enabled }}
- name: wait-for-postgresql
  image: {{ .Values.evaluation.postgresql.image }}
  command: [sh, -c, "until pg_isready --quiet --host {{ include "compass.evaluationName" . }}; do sleep 1; done"]
  {{- with .Values.securityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if .Values.migration.enabled }}
{{ include "compass.databaseInit" (dict "context" . "name" "migrate" "args" (list "migrate")) }}
{{- end }}
{{- if or .Values.evaluation.enabled .Values.simulatedBenchmarks.load }}
{{ include "compass.databaseInit" (dict "context" . "name" "load-simulated-benchmarks" "args" (list "load" "--replace" "/usr/share/compass/benchmarks.json.gz")) }}
{{- end }}
{{- end }}

{{- /* A container that changes the knowledge base, with the rights to do so. */}}
{{- define "compass.databaseInit" -}}
- name: {{ .name }}
  {{- include "compass.container" .context | nindent 2 }}
  args: {{ toJson .args }}
  env:
  {{- if .context.Values.migration.existingSecret.name }}
  - name: DATABASE_URL
    valueFrom:
      secretKeyRef: {name: {{ .context.Values.migration.existingSecret.name }}, key: {{ .context.Values.migration.existingSecret.key }}}
  {{- else }}
  {{- include "compass.databaseEnv" .context | nindent 2 }}
  {{- end }}
  {{- include "compass.commonEnv" .context | nindent 2 }}
  {{- with .context.Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "compass.mounts" (dict "context" .context) | nindent 2 }}
{{- end }}

{{- define "compass.mounts" -}}
{{- $values := .context.Values }}
{{- $catalog := and .catalog (include "compass.catalogFiles" .context) }}
{{- if or $values.database.tls.caSecret.name $catalog $values.extraVolumeMounts -}}
volumeMounts:
{{- if $values.database.tls.caSecret.name }}
- name: database-ca
  mountPath: /etc/compass/postgresql
  readOnly: true
{{- end }}
{{- if $catalog }}
- name: catalog
  mountPath: /etc/compass/catalog
  readOnly: true
{{- end }}
{{- with $values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "compass.volumes" -}}
{{- with .Values.database.tls.caSecret }}
{{- if .name }}
- name: database-ca
  secret:
    secretName: {{ .name }}
    items: [{key: {{ .key | quote }}, path: {{ .key | quote }}}]
{{- end }}
{{- end }}
{{- if include "compass.catalogFiles" . }}
- name: catalog
  configMap:
    name: {{ include "compass.fullname" . }}-catalog
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Files in place of the built-in catalog: name and content. */}}
{{- define "compass.catalogFiles" -}}
{{- range $file, $content := dict "slo_templates.json" .Values.catalog.useCases "hardware.json" .Values.catalog.hardware "models.json" .Values.catalog.models }}
{{- if $content }}
{{ $file }}: {{ $content | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{- define "compass.catalogEnv" -}}
{{- with .Values.catalog.useCases }}
- name: COMPASS_CATALOG_USE_CASES
  value: /etc/compass/catalog/slo_templates.json
{{- end }}
{{- with .Values.catalog.hardware }}
- name: COMPASS_CATALOG_HARDWARE
  value: /etc/compass/catalog/hardware.json
{{- end }}
{{- with .Values.catalog.models }}
- name: COMPASS_CATALOG_MODELS
  value: /etc/compass/catalog/models.json
{{- end }}
{{- end }}
