using Mooring.Contracts.Stream;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host;
using Mooring.Operator.Host.Output;

namespace Mooring.Operator.Tests.Host;

public sealed class HostOutputTests
{
    private static readonly FleetOverview Fleet = new()
    {
        Namespace = "default",
        Name = "edge",
        Phase = "Ready",
        CreatedAt = DateTimeOffset.UnixEpoch,
        GatewaysReady = 2,
        GatewaysDesired = 2,
        GatewaysDraining = 0,
        BackendsReady = 4,
        BackendsDesired = 4,
        Connections = 150,
        Capacity = 1000,
    };

    [Fact]
    public void Render_Fleet_LooksLikeKubectl() =>
        FleetTable
            .Render([Fleet], DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(75), 200)
            .ShouldBe([
                "NAME               GATEWAYS   BACKENDS   CONNECTIONS   CAPACITY     UTIL   DRAINING   PHASE         AGE",
                "edge               2/2        4/4        150           1000         15%    0          Ready         75s",
            ]);

    [Fact]
    public void Render_OneIsDegraded_SaysWhy() =>
        FleetTable
            .Render(
                [
                    Fleet,
                    Fleet with
                    {
                        Name = "roll",
                        Phase = "Degraded",
                        Conditions = [new("Degraded", "True", "RolloutStalled", "gw-2: died")],
                    },
                ],
                DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(75),
                200
            )
            .ShouldBe([
                "NAME               GATEWAYS   BACKENDS   CONNECTIONS   CAPACITY     UTIL   DRAINING   PHASE         AGE   REASON",
                "edge               2/2        4/4        150           1000         15%    0          Ready         75s",
                "roll               2/2        4/4        150           1000         15%    0          Degraded      75s   RolloutStalled: gw-2: died",
            ]);

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(119, "119s")]
    [InlineData(125, "2m5s")]
    [InlineData(600, "10m")]
    [InlineData(3 * 3600 + 60, "3h1m")]
    [InlineData(10 * 3600, "10h")]
    [InlineData(50 * 3600, "2d2h")]
    [InlineData(10 * 86400, "10d")]
    public void Age_Duration_AsKubectlWritesIt(int seconds, string expected) =>
        FleetTable.Age(TimeSpan.FromSeconds(seconds)).ShouldBe(expected);

    [Fact]
    public void Show_NoTerminal_PrintsChangesOnly()
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var printer = new HostOutput(output, error, OutputFormat.Table, isTerminal: false, TimeProvider.System);
        printer.Show([Fleet]);
        printer.Show([Fleet with { ConfigAcked = "2/2" }]);
        printer.Show([Fleet with { Phase = "Degraded" }]);
        printer.Say("something happened");
        output
            .ToString()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => line.Split(' ')[0])
            .ShouldBe(["NAME", "edge", "edge"]);
        error.ToString().ShouldContain("something happened");
    }

    [Fact]
    public void Show_Terminal_RedrawsInPlace()
    {
        var output = new StringWriter();
        var printer = new HostOutput(output, TextWriter.Null, OutputFormat.Table, isTerminal: true, TimeProvider.System);
        printer.Show([Fleet]);
        printer.Say("something happened");
        output.ToString().Split("\u001b[2A\u001b[J").Length.ShouldBe(2);
        output.ToString().Split("\u001b[J")[1].ShouldStartWith("something happened");
    }

    [Fact]
    public void Show_ReaderGone_GoesOn()
    {
        var printer = new HostOutput(new BrokenWriter(), new BrokenWriter(), OutputFormat.Json, isTerminal: false, TimeProvider.System);
        printer.Show([Fleet]);
        printer.Say("still here");
    }

    [Fact]
    public void Show_ReaderOfTheFleetsGone_GoesOnTellingWhatHappens()
    {
        var error = new StringWriter();
        var printer = new HostOutput(new BrokenWriter(), error, OutputFormat.Json, isTerminal: false, TimeProvider.System);
        printer.Show([Fleet]);
        printer.Say("still here");
        error.ToString().ShouldContain("still here");
    }

    [Fact]
    public void Say_ReaderOfTheLinesGone_GoesOnShowingTheFleets()
    {
        var output = new StringWriter();
        var printer = new HostOutput(output, new BrokenWriter(), OutputFormat.Json, isTerminal: false, TimeProvider.System);
        printer.Say("nobody reads it");
        printer.Show([Fleet]);
        output.ToString().ShouldContain("edge");
    }

    [Fact]
    public void Metrics_HostileNames_AreEscaped() =>
        HostMetrics
            .Write([Fleet with { Name = "a\"b\\c\nd" }], [])
            .ShouldContain("mooring_fleet_ready{fleet=\"default/a\\\"b\\\\c\\nd\"} 0\n");

    [Fact]
    public void Metrics_Traffic_IsThatOfTheReports()
    {
        var traffic = new TrafficLoad
        {
            ClosedTotal = new Dictionary<string, long> { ["client_closed"] = 3 },
            Connect = new DurationLoad { Counts = [2, .. new long[DurationLoad.LatencyBounds.Count]], SumSeconds = 0.5 },
            // Of another version, with other buckets.
            FirstByte = new DurationLoad { Counts = [1, 2] },
        };
        var report = new ReportMessage
        {
            State = GatewayState.Serving,
            Connections = 0,
            Capacity = 1,
            Listeners =
            [
                new ListenerLoad
                {
                    Name = "edge",
                    Traffic = traffic,
                    Datagrams = new DatagramLoad
                    {
                        ReceivedTotal = 9,
                        SentTotal = 8,
                        DroppedTotal = new Dictionary<string, long> { ["truncated"] = 1 },
                    },
                },
            ],
            Tunnels = AdminApi.TunnelsAnswerTests.Load("gw-0"),
            Backends =
            [
                new BackendLoad
                {
                    Name = "app",
                    SentBytesTotal = 7,
                    Traffic = traffic,
                    Endpoints = [new EndpointLoad { Id = "app-0", Connections = 5 }, new EndpointLoad { Id = "of-old", Gone = true }],
                },
            ],
        };

        var text = HostMetrics.Write(
            [],
            [
                new FleetView
                {
                    Fleet = "default/a",
                    Gateways =
                    [
                        new GatewayView
                        {
                            Hello = new HelloMessage
                            {
                                Fleet = "default/a",
                                Gateway = "gw-0",
                                Version = "1",
                            },
                            ConnectedAt = DateTimeOffset.UnixEpoch,
                            SeenAt = DateTimeOffset.UnixEpoch,
                            Report = report,
                        },
                    ],
                },
            ]
        );

        const string Of = "fleet=\"default/a\",gateway=\"gw-0\"";
        text.ShouldContain($"mooring_gateway_backend_sent_bytes_total{{{Of},backend=\"app\"}} 7\n");
        text.ShouldContain($"mooring_gateway_closed_total{{{Of},listener=\"edge\",reason=\"client_closed\"}} 3\n");
        text.ShouldContain($"mooring_gateway_backend_connect_duration_seconds_bucket{{{Of},backend=\"app\",le=\"0.0001\"}} 2\n");
        text.ShouldContain($"mooring_gateway_connect_duration_seconds_bucket{{{Of},listener=\"edge\",le=\"+Inf\"}} 2\n");
        text.ShouldContain($"mooring_gateway_connect_duration_seconds_sum{{{Of},listener=\"edge\"}} 0.5\n");
        text.ShouldContain($"mooring_gateway_tunnels{{{Of},state=\"Detached\"}} 1\n");
        // In the gateways' own spelling.
        text.ShouldContain($"mooring_gateway_state{{{Of},state=\"Draining\"}} 0\n", Case.Sensitive);
        text.ShouldContain($"mooring_gateway_tunnels_refused_total{{{Of},reason=\"tenant_tunnels\"}} 4\n");
        text.ShouldContain($"mooring_gateway_tunnel_tenant_visitors{{{Of},listener=\"bore\",tenant=\"acme\"}} 7\n");
        text.ShouldNotContain("first_byte_seconds_bucket");
        text.ShouldContain($"mooring_gateway_endpoint_connections{{{Of},backend=\"app\",endpoint=\"app-0\"}} 5\n");
        text.ShouldNotContain("of-old");
        text.ShouldContain($"mooring_gateway_datagrams_received_total{{{Of},listener=\"edge\"}} 9\n");
        text.ShouldContain($"mooring_gateway_datagrams_sent_total{{{Of},listener=\"edge\"}} 8\n");
        text.ShouldContain($"mooring_gateway_datagrams_dropped_total{{{Of},listener=\"edge\",reason=\"truncated\"}} 1\n");
    }

    private sealed class BrokenWriter : StringWriter
    {
        public override void WriteLine(string? value) => throw new IOException("Broken pipe");
    }
}
