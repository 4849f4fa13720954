using System.Diagnostics;
using Mooring.Operator.Metrics;
using OpenTelemetry.Exporter;

namespace Mooring.Operator.Tests.Metrics;

public sealed class OtlpTracingTests
{
    [Theory]
    [InlineData("http://c:4318", null, null, null, "http://c:4318/v1/traces", OtlpExportProtocol.HttpProtobuf)]
    [InlineData("http://c:4318/base/", null, null, null, "http://c:4318/base/v1/traces", OtlpExportProtocol.HttpProtobuf)]
    [InlineData("http://c:4317", null, null, null, "http://c:4317/", OtlpExportProtocol.Grpc)]
    [InlineData("http://c:4317", null, null, "http/protobuf", "http://c:4317/v1/traces", OtlpExportProtocol.HttpProtobuf)]
    [InlineData(null, null, "https://c:9999", "grpc", "https://c:9999/", OtlpExportProtocol.Grpc)]
    [InlineData(null, null, "http://c:4318", null, "http://c:4318/v1/traces", OtlpExportProtocol.HttpProtobuf)]
    [InlineData(null, "http://c:4318/mine", "http://other", null, "http://c:4318/mine", OtlpExportProtocol.HttpProtobuf)]
    [InlineData("http://c:4318", "http://other/x", "http://other", null, "http://c:4318/v1/traces", OtlpExportProtocol.HttpProtobuf)]
    public void Target_ByOptionThenTracesThenAll(
        string? option,
        string? traces,
        string? all,
        string? protocol,
        string endpoint,
        OtlpExportProtocol by
    ) => OtlpTracing.Target(option is null ? null : new Uri(option), Variables(traces, all, protocol)).ShouldBe((new Uri(endpoint), by));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("collector:4318")]
    [InlineData("file:///tmp/x")]
    public void Start_WithoutAnEndpoint_NothingListens(string? all)
    {
        using var tracing = OtlpTracing.Start(null, 1, "test", Variables(null, all, null));
        tracing.ShouldBeNull();
        using (ReconcilePhase.Begin("gather"))
        {
            Activity.Current?.Source.Name.ShouldNotBe(ReconcilePhase.Source);
        }
    }

    [Fact]
    public void Start_Disabled_IsNotStarted() =>
        OtlpTracing
            .Start(new Uri("http://127.0.0.1:9"), 1, "test", static name => name == "OTEL_SDK_DISABLED" ? "true" : null)
            .ShouldBeNull();

    private static Func<string, string?> Variables(string? traces, string? all, string? protocol) =>
        name =>
            name switch
            {
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => traces,
                "OTEL_EXPORTER_OTLP_ENDPOINT" => all,
                "OTEL_EXPORTER_OTLP_PROTOCOL" => protocol,
                _ => null,
            };
}
