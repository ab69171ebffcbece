{{- define "berth.pod" -}}
metadata:
  labels: {{- include "berth.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- if or .Values.restartOnConfigChange .Values.podAnnotations }}
  annotations:
    {{- if .Values.restartOnConfigChange }}
    checksum/config: {{ toYaml .Values.config | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "berth.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: berth
      image: {{ include "berth.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
        # For commands that are run in it, too: kubectl exec … -- berth cache ls
        - { name: BERTH_CONFIG, value: /etc/berth/config/berth.yaml }
        {{- with .Values.env }}{{ toYaml . | nindent 8 }}{{ end }}
      ports:
        {{- range $index, $listener := .Values.config.listeners }}
        - name: {{ printf "client-%d" $index }}
          containerPort: {{ $listener.port }}
          {{- if and (eq $index 0) $.Values.hostPort.port }}
          hostPort: {{ $.Values.hostPort.port }}
          hostIP: {{ $.Values.hostPort.hostIP }}
          {{- end }}
        {{- end }}
        - name: metrics
          containerPort: {{ .Values.config.metrics.port }}
      startupProbe:
        httpGet: { path: /livez, port: metrics }
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /livez, port: metrics }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: { path: /readyz, port: metrics }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 1
      lifecycle:
        preStop:
          sleep: { seconds: {{ .Values.preStopSeconds }} }
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      resources: {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        # The folder, not the file: only then does a changed ConfigMap reach it.
        - { name: config, mountPath: /etc/berth/config, readOnly: true }
        - { name: ticket-keys, mountPath: /etc/berth/keys, readOnly: true }
        {{- if .Values.tls.secretName }}
        - { name: tls, mountPath: /etc/berth/tls, readOnly: true }
        {{- end }}
        - { name: cache, mountPath: /var/cache/berth }
        - { name: state, mountPath: /var/lib/berth }
        - { name: run, mountPath: /run/berth }
        - { name: tmp, mountPath: /tmp }
        {{- with .Values.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: config
      configMap: { name: {{ include "berth.fullname" . }} }
    - name: ticket-keys
      # Root's, readable by the group: Berth refuses keys that others may read.
      secret: { secretName: {{ .Values.ticketKeys.secretName }}, defaultMode: 0440 }
    {{- with .Values.tls.secretName }}
    - name: tls
      secret: { secretName: {{ . }}, defaultMode: 0440 }
    {{- end }}
    - name: cache
      {{- toYaml .Values.cacheVolume | nindent 6 }}
    - name: state
      emptyDir: { sizeLimit: 16Mi }
    - name: run
      emptyDir: { medium: Memory, sizeLimit: 1Mi }
    - name: tmp
      emptyDir: { sizeLimit: 64Mi }
    {{- with .Values.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if include "berth.isDeployment" . }}
  topologySpreadConstraints:
    {{- with .Values.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    {{- range tuple "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "berth.selector" $ | nindent 10 }}
    {{- end }}
    {{- end }}
  {{- end }}
{{- end -}}
