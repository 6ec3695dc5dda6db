{{- define "switchboard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "switchboard.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The same, short enough for an ending of its own. */}}
{{- define "switchboard.shortname" -}}
{{- include "switchboard.fullname" . | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "switchboard.selectorLabels" -}}
app.kubernetes.io/name: {{ include "switchboard.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "switchboard.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "switchboard.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Labels of pods that are no nodes: no Service and no policy must take them for some. */}}
{{- define "switchboard.testLabels" -}}
app.kubernetes.io/name: {{ include "switchboard.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "switchboard.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "switchboard.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "switchboard.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Seconds of a duration like 30s or 2m. */}}
{{- define "switchboard.seconds" -}}
{{- $text := toString . }}
{{- if hasSuffix "ms" $text }}{{ fail (printf "shutdown: %s: give whole seconds, minutes or hours" $text) }}
{{- else if hasSuffix "s" $text }}{{ trimSuffix "s" $text | int }}
{{- else if hasSuffix "m" $text }}{{ mul 60 (trimSuffix "m" $text | int) }}
{{- else if hasSuffix "h" $text }}{{ mul 3600 (trimSuffix "h" $text | int) }}
{{- else }}{{ fail (printf "shutdown: %s is no duration such as 30s" $text) }}
{{- end }}
{{- end }}

{{/* One value of the configuration file. */}}
{{- define "switchboard.tomlValue" -}}
{{- if kindIs "string" . }}{{ . | toJson }}
{{- else if kindIs "slice" . }}{{ . | toJson }}
{{- else if kindIs "map" . }}{ {{- $first := true }}{{ range $key, $value := . }}{{ if not $first }},{{ end }} {{ $key | toJson }} = {{ include "switchboard.tomlValue" $value }}{{ $first = false }}{{ end }} }
{{- else if kindIs "float64" . }}{{ if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else }}{{ . }}
{{- end }}
{{- end }}

{{/* Keys that the configuration file must not have: environment that the chart sets would win without a word. */}}
{{- define "switchboard.refuseKeys" -}}
{{- range $key := list "node_id" "http.listen" "admin.listen" "admin.advertise" }}
{{- if include "switchboard.configured" (list $.Values.config $key) }}
{{- fail (printf "config.%s: the chart sets it itself" $key) }}
{{- end }}
{{- end }}
{{- range $key := list "database.url" "redis.url" "redis.password" "redis.sentinel_password" "auth.secret" "auth.api_keys" "admin.cluster_secret" }}
{{- if include "switchboard.configured" (list $.Values.config $key) }}
{{- fail (printf "config.%s: it belongs in the Secret, see secrets.keys" $key) }}
{{- end }}
{{- end }}
{{- range $key := list "http.tls_cert_file" "http.tls_key_file" }}
{{- if and $.Values.tls.secretName (include "switchboard.configured" (list $.Values.config $key)) }}
{{- fail (printf "config.%s: tls.secretName sets it" $key) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether the first of a list has the key that is the second. */}}
{{- define "switchboard.configured" -}}
{{- $path := splitList "." (last .) }}
{{- $section := first . }}
{{- if gt (len $path) 1 }}{{ $section = default dict (index $section (first $path)) }}{{ end }}
{{- if hasKey $section (last $path) }}yes{{ end }}
{{- end }}

{{/* Seconds of preStop: only newer kubelets can sleep. */}}
{{- define "switchboard.preStop" -}}
{{- semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version | ternary (int .Values.preStopSeconds) 0 }}
{{- end }}

{{- define "switchboard.drain" -}}
{{- include "switchboard.seconds" (dig "shutdown" "drain" "30s" .Values.config) }}
{{- end }}

{{/* What a node may take to end: `shutdown.grace` is once for requests and once for the node's own tasks. */}}
{{- define "switchboard.terminationGracePeriod" -}}
{{- $grace := include "switchboard.seconds" (dig "shutdown" "grace" "10s" .Values.config) | int }}
{{- add (include "switchboard.preStop" . | int) (include "switchboard.drain" . | int) (mul 2 $grace) 5 }}
{{- end }}

{{/* How the number of nodes changes: up at once, down one by one. */}}
{{- define "switchboard.scaling" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies: [{type: Percent, value: 100, periodSeconds: 30}, {type: Pods, value: 2, periodSeconds: 30}]
scaleDown:
  stabilizationWindowSeconds: {{ .Values.autoscaling.scaleDownStabilizationSeconds }}
  policies: [{type: Pods, value: 1, periodSeconds: 120}]
{{- end }}

{{- define "switchboard.checkScaling" -}}
{{- with .Values.autoscaling }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail "autoscaling: minReplicas is more than maxReplicas" }}
{{- end }}
{{- if and (not .targetCPUUtilization) (not .targetConnections) }}
{{- fail "autoscaling: set targetCPUUtilization, targetConnections, or both" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The configuration file. */}}
{{- define "switchboard.toml" -}}
{{- include "switchboard.refuseKeys" . }}
{{- range $key, $value := .Values.config }}
{{- if not (kindIs "map" $value) }}
{{ $key }} = {{ include "switchboard.tomlValue" $value }}
{{- end }}
{{- end }}
{{- range $section, $keys := .Values.config }}
{{- if kindIs "map" $keys }}

[{{ $section }}]
{{- range $key, $value := $keys }}
{{ $key }} = {{ include "switchboard.tomlValue" $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Environment of nodes and of the migration, which so checks the configuration that nodes will have. */}}
{{- define "switchboard.env" -}}
{{- $any := ternary "[::]" "0.0.0.0" .Values.ipv6 -}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: SWITCHBOARD__NODE_ID
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: SWITCHBOARD__HTTP__LISTEN
  value: {{ printf "%s:8080" $any | quote }}
- name: SWITCHBOARD__ADMIN__LISTEN
  value: {{ printf "%s:9090" $any | quote }}
# Where the other nodes send requests for this one's sessions.
- name: SWITCHBOARD__ADMIN__ADVERTISE
  value: {{ ternary "http://[$(POD_IP)]:9090" "http://$(POD_IP):9090" .Values.ipv6 | quote }}
{{- $variables := dict "databaseUrl" "DATABASE__URL" "redisUrl" "REDIS__URL" "authSecret" "AUTH__SECRET" "apiKeys" "AUTH__API_KEYS" "clusterSecret" "ADMIN__CLUSTER_SECRET" "redisPassword" "REDIS__PASSWORD" "redisSentinelPassword" "REDIS__SENTINEL_PASSWORD" }}
{{- range $name, $variable := $variables }}
{{- with index $.Values.secrets.keys $name }}
- name: SWITCHBOARD__{{ $variable }}
  valueFrom: {secretKeyRef: {name: {{ $.Values.secrets.existingSecret }}, key: {{ . }}}}
{{- end }}
{{- end }}
{{- if .Values.tls.secretName }}
- {name: SWITCHBOARD__HTTP__TLS_CERT_FILE, value: /etc/switchboard-tls/tls.crt}
- {name: SWITCHBOARD__HTTP__TLS_KEY_FILE, value: /etc/switchboard-tls/tls.key}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* How the public port is reached. */}}
{{- define "switchboard.scheme" -}}
{{- empty .Values.tls.secretName | ternary "http" "https" }}
{{- end }}
