using Mooring.Kubernetes.Telemetry;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Mooring.Operator.Metrics;

/// <summary>Sends traces of the reconciles to a collector, by OTLP.</summary>
internal static class OtlpTracing
{
    private const string TracesPath = "/v1/traces";
    private const int GrpcPort = 4317;

    /// <summary>Starts it; null, at no cost at all, where there is no endpoint.</summary>
    /// <param name="endpoint">Such as <c>http://collector:4318</c>; null: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT.</param>
    /// <param name="ratio">Share of the reconciles: 0 to 1.</param>
    /// <param name="instance">Who this is among the replicas.</param>
    /// <param name="variable">Reads the environment.</param>
    public static TracerProvider? Start(Uri? endpoint, double ratio, string instance, Func<string, string?> variable)
    {
        if (
            string.Equals(variable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase)
            || Target(endpoint, variable) is not { } target
        )
        {
            return null;
        }

        var resource = ResourceBuilder
            .CreateEmpty()
            .AddTelemetrySdk()
            .AddService("mooring-operator", serviceVersion: AdminApi.AdminEndpoints.Version, serviceInstanceId: instance)
            .AddEnvironmentVariableDetector();
        return Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource(KubernetesMetrics.Name)
            .AddSource(ReconcilePhase.Source)
            .SetSampler(new ReconcileSampler(ratio))
            .AddOtlpExporter(options => (options.Endpoint, options.Protocol) = target)
            .Build();
    }

    /// <summary>Where to, and how: OTEL_EXPORTER_OTLP_PROTOCOL, else gRPC on its own port and HTTP with protobuf on others. Pure.</summary>
    internal static (Uri Endpoint, OtlpExportProtocol Protocol)? Target(Uri? endpoint, Func<string, string?> variable)
    {
        var whole = endpoint is null ? Read(variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) : null;
        if ((whole ?? endpoint ?? Read(variable("OTEL_EXPORTER_OTLP_ENDPOINT"))) is not { } target)
        {
            return null;
        }

        var protocol = (variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? variable("OTEL_EXPORTER_OTLP_PROTOCOL")) switch
        {
            "grpc" => OtlpExportProtocol.Grpc,
            "http/protobuf" => OtlpExportProtocol.HttpProtobuf,
            _ => target.Port == GrpcPort ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf,
        };
        // The variable for traces alone is the whole address, as the specification has it.
        return protocol == OtlpExportProtocol.Grpc || whole is not null
            ? (target, protocol)
            : (new Uri(target.AbsoluteUri.TrimEnd('/') + TracesPath), protocol);
    }

    private static Uri? Read(string? text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" ? address : null;

    /// <summary>Takes reconciles with all that belongs to them; a watch or a renewal of the lease is no trace of its own.</summary>
    private sealed class ReconcileSampler(double ratio) : Sampler
    {
        private readonly TraceIdRatioBasedSampler _share = new(ratio);

        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) =>
            samplingParameters.ParentContext.TraceId != default
                ? new SamplingResult(
                    samplingParameters.ParentContext.TraceFlags.HasFlag(System.Diagnostics.ActivityTraceFlags.Recorded)
                        ? SamplingDecision.RecordAndSample
                        : SamplingDecision.Drop
                )
            : samplingParameters.Name.StartsWith("reconcile ", StringComparison.Ordinal) ? _share.ShouldSample(samplingParameters)
            : new SamplingResult(SamplingDecision.Drop);
    }
}
