using System.Collections.Concurrent;
using System.Text;
using Mooring.Testing;
using static Mooring.Testing.ProtobufWire;

namespace Mooring.Operator.Tests.Host;

/// <summary>The gateways' metrics by OTLP, from the programs themselves to a collector.</summary>
[Collection(nameof(UpTests))]
public sealed class UpOtlpTests
{
    [Fact]
    public async Task Up_WithAnEndpoint_EachGatewaySendsItsMetrics_AndWithoutOneNothingOfItIsLoaded()
    {
        await using var collector = new Collector();
        await collector.StartAsync();
        await using var up = new UpProcess(static up => UpTests.Quickstart(up));
        await up.ReadyAsync();
        using var client = await up.ConnectAsync();
        (await up.EchoesAsync(client)).ShouldBeTrue();
        var gateways = up.Fleet!.Gateways.Select(static gateway => gateway.ProcessId).ToList();
        gateways.ShouldAllBe(static process => !Loads(process));

        // One that nobody listens at harms nothing, and is replaced without a restart.
        up.Edit("\n  listeners:", "\n  observability: {otlpEndpoint: 'http://127.0.0.1:9'}\n  listeners:");
        await up.UntilAsync(() => gateways.TrueForAll(Loads), "the exporter in every gateway");
        (await up.EchoesAsync(client)).ShouldBeTrue();
        up.Edit("http://127.0.0.1:9", collector.Address);

        await up.UntilAsync(() => collector.Gateways.Count == gateways.Count, "metrics of every gateway");
        await up.UntilAsync(
            () => collector.Points.Where(static point => point.Name == "mooring_gateway_connections").Any(static point => point.Value == 1),
            "the client's connection"
        );
        var names = collector.Points.Select(static point => point.Name).ToHashSet(StringComparer.Ordinal);
        names.ShouldContain("mooring_gateway_accepted_total");
        names.ShouldContain("mooring_gateway_connect_duration_seconds_bucket");
        collector.Points.ShouldContain(static point =>
            point.Name == "mooring_gateway_info" && point.Labels.Contains("fleet=default/quickstart", StringComparison.Ordinal)
        );
        collector.Points.ShouldContain(static point =>
            point.Name == "mooring_gateway_connect_duration_seconds_bucket" && point.Labels.Contains("le=+Inf", StringComparison.Ordinal)
        );
        up.Fleet!.Gateways.Select(static gateway => gateway.ProcessId).ShouldBe(gateways, ignoreOrder: true);
        (await up.EchoesAsync(client)).ShouldBeTrue();
    }

    private static bool Loads(int process) => File.ReadAllText($"/proc/{process}/maps").Contains("OpenTelemetry", StringComparison.Ordinal);

    private sealed record Point(string Name, double Value, string Labels);

    /// <summary>OTLP over HTTP in protobuf: opentelemetry/proto/collector/metrics/v1/metrics_service.proto, metrics/v1/metrics.proto.</summary>
    private sealed class Collector() : OtlpCollector("/v1/metrics")
    {
        /// <summary>Instances that have sent anything.</summary>
        public ConcurrentDictionary<string, byte> Gateways { get; } = new();

        public ConcurrentQueue<Point> Points { get; } = new();

        protected override void Read(byte[] request)
        {
            foreach (var part in Fields(request, 1))
            {
                var resource = Fields(part, 1).SelectMany(static one => Fields(one, 1)).Select(Tag).ToList();
                resource.ShouldContain("service.name=mooring-gateway");
                Gateways[resource.First(static tag => tag.StartsWith("service.instance.id=", StringComparison.Ordinal))] = 0;
                foreach (var metric in Fields(part, 2).SelectMany(static scope => Fields(scope, 2)))
                {
                    // A gauge is field 5 and a sum field 7; both have their points as field 1, and a point its double as field 4.
                    foreach (var point in Fields(metric, 5).Concat(Fields(metric, 7)).SelectMany(static data => Fields(data, 1)))
                    {
                        Points.Enqueue(
                            new Point(
                                Encoding.UTF8.GetString(Fields(metric, 1).Single()),
                                Numbers(point, 4).Select(static bits => BitConverter.UInt64BitsToDouble(bits)).Single(),
                                string.Join(',', Fields(point, 7).Select(Tag))
                            )
                        );
                    }
                }
            }
        }

        private static string Tag(byte[] pair) =>
            $"{Encoding.UTF8.GetString(Fields(pair, 1).Single())}={Encoding.UTF8.GetString(Fields(Fields(pair, 2).Single(), 1).FirstOrDefault() ?? [])}";
    }
}
