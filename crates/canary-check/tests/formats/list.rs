//! What each file holds: objectives with their targets, metrics, windows, and
//! after `no` what only another tool can run.

pub(crate) const FILES: [(&str, &str); 73] = [
    (
        "argo-rollouts/examples/analysis-templates.yaml",
        "no metric `pass` of `pass`; no metric `random-fail` of `random-fail`",
    ),
    (
        "argo-rollouts/examples/cluster-analysis-templates.yaml",
        "no metric `pass` of `always-pass`",
    ),
    (
        "argo-rollouts/test/e2e/expectedfailures/malformed-analysisrun.yaml",
        "refused: `spec.metrics[0].provider.job.spec.template.spec.containers[0].resources.requests.memory` is `invalid`, not a quantity such as 64Mi or 250m",
    ),
    (
        "argo-rollouts/test/e2e/expectedfailures/malformed-analysistemplate.yaml",
        "refused: `spec.metrics[0].provider.job.spec.template.spec.containers[0].resources.requests.memory` is `invalid`, not a quantity such as 64Mi or 250m",
    ),
    (
        "argo-rollouts/test/e2e/expectedfailures/malformed-clusteranalysistemplate.yaml",
        "refused: `spec.metrics[0].provider.job.spec.template.spec.containers[0].resources.requests.memory` is `invalid`, not a quantity such as 64Mi or 250m",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysis-run-job.yaml",
        "no metric `test` of `analysis-run-job-`",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysistemplate-fail-multiple-job.yaml",
        "no metric `sleep-job` of `multiple-job-fail`; no metric `sleep-job-rep` of `multiple-job-fail`",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysistemplate-invalid-image-job.yaml",
        "no metric `invalid-image-job-metric` of `invalid-image-job`",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysistemplate-long-running-job-deadline.yaml",
        "no metric `long-running-job-deadline-metric` of `long-running-job-deadline`",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysistemplate-long-running-job.yaml",
        "no metric `long-running-job-metric` of `long-running-job`",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysistemplate-multiple-job.yaml",
        "no metric `sleep-job` of `multiple-job`; no metric `sleep-job-rep` of `multiple-job`",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysistemplate-sleep-job.yaml",
        "no metric `sleep-job` of `sleep-job`",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysistemplate-web-background-inconclusive.yaml",
        "no metric `web` of `web-background-inconclusive`",
    ),
    (
        "argo-rollouts/test/e2e/functional/analysistemplate-web-background.yaml",
        "no metric `web` of `web-background`",
    ),
    (
        "argo-rollouts/test/e2e/functional/experiment-dry-run-analysis.yaml",
        "no metric `test-1` of `dry-run-job`",
    ),
    (
        "argo-rollouts/test/e2e/functional/experiment-measurement-retention-analysis.yaml",
        "no metric `test-1` of `measurement-retention-job`",
    ),
    (
        "argo-rollouts/test/e2e/functional/rollout-background-analysis-inconclusive.yaml",
        "no analysis template `web-background-inconclusive` of Rollout `rollout-background-analysis-inconclusive`",
    ),
    (
        "argo-rollouts/test/e2e/functional/rollout-background-analysis.yaml",
        "no analysis template `web-background` of Rollout `rollout-background-analysis`",
    ),
    (
        "argo-rollouts/test/e2e/functional/rollout-bg-analysis-withArgs.yaml",
        "no metric `webmetric` of `analysis-secret`; no `Secret` of `v1`",
    ),
    (
        "argo-rollouts/test/e2e/functional/rollout-degraded-inline-multiple-analysis.yaml",
        "no analysis template `multiple-job-fail` of Rollout `rollout-inline-analysis`",
    ),
    (
        "argo-rollouts/test/e2e/functional/rollout-experiment-analysis.yaml",
        "no metric `echo-pod-hash` of `echo-pod-hash`",
    ),
    (
        "argo-rollouts/test/e2e/functional/rollout-inline-analysis.yaml",
        "no analysis template `sleep-job` of Rollout `rollout-inline-analysis`",
    ),
    (
        "argo-rollouts/test/e2e/functional/rollout-inline-multiple-analysis.yaml",
        "no analysis template `multiple-job` of Rollout `rollout-inline-analysis`",
    ),
    (
        "flagger/artifacts/examples/istio-canary.yaml",
        "metric request-success-rate; metric request-duration",
    ),
    (
        "flagger/artifacts/examples/kuma-canary.yaml",
        "metric request-success-rate; metric request-duration",
    ),
    (
        "flagger/artifacts/examples/linkerd-canary.yaml",
        "metric request-success-rate; metric request-duration",
    ),
    (
        "kayenta/kayenta-integration-tests/src/test/resources/canary-configs/graphite/integration-test-cpu.json",
        "metric test",
    ),
    (
        "kayenta/kayenta-integration-tests/src/test/resources/canary-configs/prometheus/integration-test-cpu.json",
        "metric CPU usage for service",
    ),
    (
        "kayenta/kayenta-integration-tests/src/test/resources/canary-configs/prometheus/muted-metric.json",
        "metric Failing metric; metric Successful metric",
    ),
    (
        "kayenta/kayenta-judge/src/test/resources/test-config.json",
        "metric cpu; metric requests; metric foo",
    ),
    (
        "kayenta/scratch/atlas_canary_config.json",
        "metric cpu; metric requests",
    ),
    (
        "kayenta/scratch/newrelic_canary_config.json",
        "metric Apdex; metric Transaction Time; metric Error Rate; metric Average Database Call Duration",
    ),
    (
        "kayenta/scratch/prometheus_canary_config.json",
        "metric cpu",
    ),
    (
        "kayenta/scratch/stackdriver_canary_config.json",
        "metric cpu",
    ),
    (
        "openslo/examples/budgeting-method/occurences-slo.yaml",
        "no SLO `search-slo`",
    ),
    (
        "openslo/examples/budgeting-method/ratio-timeslices.yaml",
        "no SLO `main-page`",
    ),
    (
        "openslo/examples/budgeting-method/timeslices-slo.yaml",
        "no SLO `service-availability`",
    ),
    (
        "openslo/examples/treat-low-traffic-as-equally-important/timeslices-slo.yaml",
        "no SLO `service-availability`",
    ),
    (
        "pyrra/examples/caddy-response-latency.yaml",
        "SLO caddy-response-latency 90%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-apiserver-read-cluster-latency.yaml",
        "SLO apiserver-read-cluster-latency 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-apiserver-read-namespace-latency.yaml",
        "SLO apiserver-read-namespace-latency 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-apiserver-read-resource-latency.yaml",
        "SLO apiserver-read-resource-latency 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-apiserver-read-response-errors.yaml",
        "SLO apiserver-read-response-errors 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-apiserver-write-response-errors.yaml",
        "SLO apiserver-write-response-errors 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-coredns-response-errors.yaml",
        "SLO coredns-response-errors 99.99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-kubelet-request-errors.yaml",
        "SLO kubelet-request-errors 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-kubelet-runtime-errors.yaml",
        "SLO kubelet-runtime-errors 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-prometheus-notification-errors.yaml",
        "SLO prometheus-notification-errors 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-prometheus-operator-http-errors.yaml",
        "SLO prometheus-operator-http-errors 99.5%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-prometheus-operator-reconcile-errors.yaml",
        "SLO prometheus-operator-reconcile-errors 95%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-prometheus-query-errors.yaml",
        "SLO prometheus-query-errors 99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-prometheus-rule-evaluation-failures.yaml",
        "SLO prometheus-rule-evaluation-failures 99.99%",
    ),
    (
        "pyrra/examples/kubernetes/manifests/slos/slo-prometheus-sd-kubernetes-errors.yaml",
        "SLO prometheus-sd-kubernetes-errors 99%",
    ),
    (
        "sloth/examples/_gen/contrib-slo-plugins.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/_gen/home-wifi.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/_gen/k8s-home-wifi.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/_gen/kubernetes-apiserver.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/_gen/no-alerts.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/_gen/openslo-kubernetes-apiserver.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/_gen/plugin-k8s-getting-started.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/_gen/slo-plugin-getting-started.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/_gen/victoria-metrics.yml",
        "refused: it holds Prometheus rules: rules are made from an objective: give the file that they were made from",
    ),
    (
        "sloth/examples/contrib-slo-plugins.yml",
        "SLO requests-availability-contrib-plugin-info-labels-v1 99.9%; no SLO plugin `sloth.dev/contrib/info_labels/v1` of `requests-availability-contrib-plugin-info-labels-v1`; SLO requests-availability-contrib-plugin-rule-intervals-v1 99.9%; no SLO plugin `sloth.dev/contrib/rule_intervals/v1` of `requests-availability-contrib-plugin-rule-intervals-v1`",
    ),
    (
        "sloth/examples/home-wifi.yml",
        "SLO good-wifi-client-satisfaction 95%; SLO risk-wifi-client-satisfaction 99.9%",
    ),
    (
        "sloth/examples/k8s-home-wifi.yml",
        "SLO good-wifi-client-satisfaction 95%; SLO risk-wifi-client-satisfaction 99.9%",
    ),
    (
        "sloth/examples/kubernetes-apiserver.yml",
        "SLO requests-availability 99.9%; SLO requests-latency 99%",
    ),
    (
        "sloth/examples/no-alerts.yml",
        "SLO http-availability 99.99%",
    ),
    (
        "sloth/examples/openslo-kubernetes-apiserver.yml",
        "SLO requests-availability-openslo-0 99.9%; SLO requests-latency-openslo-0 99%; SLO requests-latency-openslo-1 99.9%",
    ),
    (
        "sloth/examples/plugin-k8s-getting-started.yml",
        "no SLO `requests-availability` with the SLI plugin `getting_started_availability`",
    ),
    (
        "sloth/examples/slo-plugin-getting-started.yml",
        "no SLO plugin `sloth.dev/core/debug/v1` of `myservice`; SLO requests-availability 99.9%; no SLO plugin `sloth.dev/core/debug/v1` of `requests-availability`",
    ),
    (
        "sloth/examples/victoria-metrics.yml",
        "no SLO plugin `sloth.dev/contrib/validate_victoria_metrics/v1` of `foo-bar`; no SLO plugin `sloth.dev/core/sli_rules/v1` of `foo-bar`; no SLO plugin `sloth.dev/core/metadata_rules/v1` of `foo-bar`; no SLO plugin `sloth.dev/core/alert_rules/v1` of `foo-bar`; SLO grpc-latency-percentile-90 90%; SLO grpc-latency-percentile-99 99%",
    ),
    ("sloth/examples/windows/7d.yaml", "windows for 7d"),
    ("sloth/examples/windows/custom-30d.yaml", "windows for 30d"),
];
