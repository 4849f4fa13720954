using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Telemetry.Otlp;
using OpenTelemetry.Exporter;

namespace Mooring.Gateway.Tests.Telemetry;

public sealed class OtlpTests
{
    [Theory]
    [InlineData("http://c:4318", "http://c:4318/v1/metrics", OtlpExportProtocol.HttpProtobuf)]
    [InlineData("https://c/base/", "https://c/base/v1/metrics", OtlpExportProtocol.HttpProtobuf)]
    [InlineData("http://c:4317", "http://c:4317/", OtlpExportProtocol.Grpc)]
    public void Target_FollowsThePort(string endpoint, string target, OtlpExportProtocol protocol) =>
        OtlpMetrics.Target(new Uri(endpoint)).ShouldBe((new Uri(target), protocol));

    [Theory]
    [InlineData("http://collector:4318", true)]
    [InlineData("https://collector.example.com/otlp", true)]
    [InlineData("collector:4318", false)]
    [InlineData("ftp://collector", false)]
    [InlineData("http://me:secret@collector", false)]
    [InlineData("http://collector/?a=b", false)]
    [InlineData("http://collector:70000", false)]
    public void Config_EndpointIsAUrlOfACollector(string endpoint, bool good)
    {
        var result = ConfigCompiler.Compile(
            new GatewayConfig
            {
                Fleet = "shop/edge",
                Otlp = new OtlpConfig { Endpoint = endpoint },
            },
            processConnections: 1000
        );

        result.Errors.Any(static error => error.StartsWith("otlp.endpoint: ", StringComparison.Ordinal)).ShouldBe(!good);
    }

    [Fact]
    public async Task Collector_ThatIsAway_HoldsNothingUp()
    {
        using var output = new MemoryStream();
        await using var sink = new LogSink(output);
        var log = new GatewayLog(sink, default, TimeProvider.System);
        var export = new OtlpExport("g-0", static () => throw new InvalidOperationException("nothing to read yet"), log);
        var config = new GatewayConfig
        {
            Fleet = "shop/edge",
            Otlp = new OtlpConfig { Endpoint = "http://127.0.0.1:9" },
        };

        export.Use(config);
        export.Use(config with { Otlp = new OtlpConfig { Endpoint = "http://127.0.0.1:10" } });

        // The last export has two seconds, and fails at once here; what it would have read fails too.
        await export.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }
}
