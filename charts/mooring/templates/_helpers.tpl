{{- define "mooring.name" -}}
{{- coalesce .Values.fullnameOverride .Values.nameOverride .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- /* A version as the value of a label, which has no '+' and 63 characters at most. */ -}}
{{- define "mooring.label" -}}
{{- . | replace "+" "_" | trunc 63 | trimSuffix "-" | trimSuffix "_" | trimSuffix "." -}}
{{- end -}}

{{- define "mooring.selector" -}}
app.kubernetes.io/name: mooring-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- /* Of what runs beside the operator: no Service may take it for one of its replicas. */ -}}
{{- define "mooring.hookLabels" -}}
app.kubernetes.io/name: mooring-hook
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ include "mooring.label" .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: mooring
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ include "mooring.label" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- end -}}

{{- define "mooring.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "mooring.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "mooring.labels" -}}
{{ include "mooring.selector" . }}
app.kubernetes.io/version: {{ include "mooring.label" .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: mooring
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ include "mooring.label" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- end -}}
