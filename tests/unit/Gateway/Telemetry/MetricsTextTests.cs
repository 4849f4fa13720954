using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Tests.Telemetry;

public sealed class MetricsTextTests
{
    private static readonly ReportMessage Report = new()
    {
        State = GatewayState.Draining,
        Connections = 3,
        Capacity = 100,
        DrainDeadline = DateTimeOffset.FromUnixTimeMilliseconds(1_500),
        Listeners =
        [
            new ListenerLoad
            {
                Name = "edge",
                Connections = 3,
                AcceptedTotal = 10,
                RefusedTotal = new Dictionary<string, long> { ["per_address"] = 2 },
                ReceivedBytesTotal = 1_234_567_890_123,
                SentBytesTotal = 1,
                Traffic = new TrafficLoad
                {
                    ClosedTotal = new Dictionary<string, long> { ["client_closed"] = 7 },
                    Connect = new DurationLoad { Counts = [2, 0, 1, .. new long[15], 4], SumSeconds = 250.5 },
                },
            },
        ],
        Backends =
        [
            new BackendLoad
            {
                Name = "relay",
                Endpoints =
                [
                    new EndpointLoad
                    {
                        Id = "a\"\\\nb",
                        Connections = 2,
                        Healthy = false,
                        Check = new CheckLoad { Up = false, FailedTotal = 4 },
                        Breaker = new BreakerLoad { State = BreakerStateName.Open, OpenedTotal = 2 },
                    },
                    new EndpointLoad
                    {
                        Id = "of-old",
                        Connections = 1,
                        Gone = true,
                    },
                ],
                Queue = new QueueLoad { Length = 5 },
                Breaker = new BreakerLoad { State = BreakerStateName.Closed },
                RetriesDeniedTotal = 6,
            },
        ],
    };

    [Fact]
    public void Write_Prometheus_HasTypesAndSamples()
    {
        var text = MetricsText.Write(GatewayMetrics.All, Source(Report), openMetrics: false);

        text.ShouldContain(
            "# HELP mooring_gateway_connections Open client connections.\n# TYPE mooring_gateway_connections gauge\n"
                + "mooring_gateway_connections{listener=\"edge\"} 3\n"
        );
        text.ShouldContain("# TYPE mooring_gateway_accepted_total counter\nmooring_gateway_accepted_total{listener=\"edge\"} 10\n");
        text.ShouldContain("mooring_gateway_refused_total{listener=\"edge\",reason=\"per_address\"} 2\n");
        text.ShouldContain("mooring_gateway_received_bytes_total{listener=\"edge\"} 1234567890123\n");
        text.ShouldContain("mooring_gateway_state{state=\"Draining\"} 1\n");
        text.ShouldContain("mooring_gateway_state{state=\"Serving\"} 0\n");
        text.ShouldContain("mooring_gateway_endpoint_healthy{backend=\"relay\",endpoint=\"a\\\"\\\\\\nb\"} 0\n");
        text.ShouldContain("mooring_gateway_endpoint_checks_total{backend=\"relay\",endpoint=\"a\\\"\\\\\\nb\",result=\"failed\"} 4\n");
        text.ShouldContain("mooring_gateway_breaker_state{backend=\"relay\",endpoint=\"\",state=\"Closed\"} 1\n");
        text.ShouldContain("mooring_gateway_backend_retries_total{backend=\"relay\",result=\"denied\"} 6\n");
        text.ShouldContain("mooring_gateway_backend_queue_length{backend=\"relay\"} 5\n");
        text.ShouldContain("mooring_gateway_drain_deadline_timestamp_seconds 1.5\n");
        text.ShouldNotContain("stream_connected");
        text.ShouldNotContain("of-old");
        text.ShouldNotContain("# EOF");
    }

    [Fact]
    public void Write_Histogram_IsCumulativeWithSumAndCount()
    {
        var text = MetricsText.Write(GatewayMetrics.All, Source(Report), openMetrics: false);

        text.ShouldContain(
            "# TYPE mooring_gateway_connect_duration_seconds histogram\n"
                + "mooring_gateway_connect_duration_seconds_bucket{listener=\"edge\",le=\"0.0001\"} 2\n"
                + "mooring_gateway_connect_duration_seconds_bucket{listener=\"edge\",le=\"0.0002\"} 2\n"
                + "mooring_gateway_connect_duration_seconds_bucket{listener=\"edge\",le=\"0.0005\"} 3\n"
        );
        text.ShouldContain(
            "mooring_gateway_connect_duration_seconds_bucket{listener=\"edge\",le=\"60\"} 3\n"
                + "mooring_gateway_connect_duration_seconds_bucket{listener=\"edge\",le=\"+Inf\"} 7\n"
                + "mooring_gateway_connect_duration_seconds_sum{listener=\"edge\"} 250.5\n"
                + "mooring_gateway_connect_duration_seconds_count{listener=\"edge\"} 7\n"
        );
        text.ShouldContain("mooring_gateway_closed_total{listener=\"edge\",reason=\"client_closed\"} 7\n");
        text.ShouldContain("dotnet_gc_longest_pause_seconds{generation=\"2\"} 0.3\n");
        text.ShouldNotContain("first_byte", customMessage: "nothing was counted");
    }

    [Fact]
    public void Write_OpenMetrics_CounterFamiliesHaveNoSuffix()
    {
        var text = MetricsText.Write(GatewayMetrics.All, Source(Report) with { StreamConnected = true }, openMetrics: true);

        text.ShouldContain("# TYPE mooring_gateway_accepted counter\nmooring_gateway_accepted_total{");
        text.ShouldContain("# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total 1.25\n");
        text.ShouldContain("mooring_gateway_stream_connected 1\n");
        text.ShouldEndWith("# EOF\n");
    }

    [Fact]
    public void All_NamesFollowTheRules()
    {
        GatewayMetrics.All.Select(metric => metric.Name).Distinct().Count().ShouldBe(GatewayMetrics.All.Count);
        foreach (var metric in GatewayMetrics.All)
        {
            metric.Name.ShouldMatch("^(mooring_gateway|process|dotnet)_[a-z_]+$");
            metric.Name.EndsWith("_total", StringComparison.Ordinal).ShouldBe(metric.Kind == MetricKind.Counter);
            metric.Help.ShouldEndWith(".");
            foreach (var sample in metric.Collect(Source(Report) with { ConfigHash = "h", StreamConnected = true }))
            {
                sample.LabelValues.Length.ShouldBe(metric.Labels.Count, metric.Name);
            }
        }
    }

    [Fact]
    public void Readme_ListsExactlyTheseMetrics()
    {
        Testing
            .MetricsText.Rows(File.ReadAllText(Readme()), "Metrics")
            .ShouldBe(
                GatewayMetrics.All.Select(metric =>
                    (metric.Name, MetricsText.TypeName(metric.Kind), string.Join(", ", metric.Labels), metric.Help)
                )
            );
    }

    [Fact]
    public void Readme_ListsEachReason()
    {
        Reasons("Why connections end").ShouldBe(Enum.GetValues<CloseReason>().Select(AccessLines.Name));
        Reasons("Why connections are refused").ShouldBe(Enum.GetValues<RefusalReason>().Select(RefusalReasons.Name));

        static IEnumerable<string> Reasons(string heading) =>
            File.ReadAllText(Readme())
                .Split("\n## ")
                .Single(part => part.StartsWith(heading, StringComparison.Ordinal))
                .Split('\n')
                .Where(static line => line.StartsWith("| `", StringComparison.Ordinal))
                .Skip(1)
                .Select(static line => line.Split('`')[1]);
    }

    internal static MetricSource Source(ReportMessage report) =>
        new()
        {
            Version = "1",
            Fleet = "a/b",
            Gateway = "gw-0",
            Report = report,
            Process = new ProcessUsage(1.25, 1 << 20, 10, 1024, DateTimeOffset.UnixEpoch, 1000, 0.5, [3, 2, 1], [0.1, 0.2, 0.3]),
        };

    private static string Readme()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Operator.sln")))
        {
            directory = directory.Parent;
        }

        return Path.Combine(directory.FullName, "gateway", "Telemetry", "README.md");
    }
}
