using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Tests.Gateways;

/// <summary>Which reports are worth a reconcile of a fleet at rest, and which are not.</summary>
public sealed class ReportNewsTests
{
    private static readonly ReportMessage Before = new()
    {
        State = GatewayState.Serving,
        Connections = 10,
        Capacity = 1000,
        ClosesPerSecond = 5,
        ResidentBytes = 60_000_000,
        CpuSeconds = 7,
        Registry = new RegistryLoad { Connected = true, FleetShare = 100 },
        Overload = new OverloadLoad { MemoryBytes = 1 },
        Problems = ["a certificate is too old"],
        Listeners = [Listener],
        Backends = [Backend],
    };

    private static ListenerLoad Listener =>
        new()
        {
            Name = "echo",
            Connections = 10,
            AcceptedTotal = 20,
            ReceivedBytesTotal = 30,
            SentBytesTotal = 40,
            MessagesTotal = 50,
            Traffic = Traffic(4_000_000, 1_100_000),
        };

    private static TrafficLoad Traffic(double received, double sent) =>
        new() { ReceivedBitsPerSecond = received, SentBitsPerSecond = sent };

    private static BackendLoad Backend => new() { Name = "relay", Endpoints = [Endpoint] };

    private static EndpointLoad Endpoint =>
        new()
        {
            Id = "relay-0",
            Connections = 10,
            ConnectsTotal = 20,
            Healthy = true,
        };

    /// <summary>What a status, a condition or a decision follows from.</summary>
    public static TheoryData<string, ReportMessage> News =>
        new()
        {
            { "state", Before with { State = GatewayState.Draining } },
            { "connections", Before with { Connections = 11 } },
            { "capacity", Before with { Capacity = 999 } },
            { "tunnels", Before with { Tunnels = new TunnelsLoad { Open = 1 } } },
            {
                "what bounds the capacity",
                Before with
                {
                    CapacityBound = Enum.GetValues<CapacityBound>().First(bound => bound != Before.CapacityBound),
                }
            },
            { "a figure short", Before with { Shortfall = new CapacityShortfall(900, CapacityBound.Ports) } },
            { "deadline of the drain", Before with { DrainDeadline = DateTimeOffset.UnixEpoch } },
            { "pace of the drain", Before with { ClosesPerSecond = 6 } },
            {
                "registry away",
                Before with
                {
                    Registry = new RegistryLoad { Connected = false, Problem = "refused" },
                }
            },
            { "no registry", Before with { Registry = null } },
            {
                "share of the fleet's limit",
                Before with
                {
                    Registry = new RegistryLoad { Connected = true, FleetShare = 99 },
                }
            },
            {
                "overload",
                Before with
                {
                    Overload = new OverloadLoad { MemoryBytes = 1, Problem = "is out of memory" },
                }
            },
            { "a problem more", Before with { Problems = ["a certificate is too old", "another"] } },
            { "another problem", Before with { Problems = ["another"] } },
            { "no listener", Before with { Listeners = [] } },
            { "name of a listener", Before with { Listeners = [Listener with { Name = "chat" }] } },
            { "connections of a listener", Before with { Listeners = [Listener with { Connections = 11 }] } },
            { "accepted", Before with { Listeners = [Listener with { AcceptedTotal = 21 }] } },
            { "received", Before with { Listeners = [Listener with { ReceivedBytesTotal = 31 }] } },
            { "sent", Before with { Listeners = [Listener with { SentBytesTotal = 41 }] } },
            { "messages", Before with { Listeners = [Listener with { MessagesTotal = 51 }] } },
            { "traffic that has stopped since", Before with { Listeners = [Listener with { Traffic = Traffic(0, 0) }] } },
            { "traffic by more than one can tell", Before with { Listeners = [Listener with { Traffic = Traffic(4_000_000, 960_000) }] } },
            { "a backend more", Before with { Backends = [Backend, Backend with { Name = "other" }] } },
            { "name of a backend", Before with { Backends = [Backend with { Name = "other" }] } },
            { "no endpoint", Before with { Backends = [Backend with { Endpoints = [] }] } },
            { "another endpoint", Before with { Backends = [Backend with { Endpoints = [Endpoint with { Id = "relay-1" }] }] } },
            {
                "connections of an endpoint",
                Before with
                {
                    Backends = [Backend with { Endpoints = [Endpoint with { Connections = 11 }] }],
                }
            },
            { "health of an endpoint", Before with { Backends = [Backend with { Endpoints = [Endpoint with { Healthy = false }] }] } },
            { "an endpoint that is gone", Before with { Backends = [Backend with { Endpoints = [Endpoint with { Gone = true }] }] } },
        };

    /// <summary>What moves at rest as well, and nothing follows from.</summary>
    public static TheoryData<string, ReportMessage> Nothing =>
        new()
        {
            { "the same", Before with { } },
            { "memory", Before with { ResidentBytes = 61_000_000 } },
            { "CPU time, which counts as a rate", Before with { CpuSeconds = 8 } },
            { "memory against the limit", Before with { Overload = new OverloadLoad { MemoryBytes = 2 } } },
            { "traffic that wavers", Before with { Listeners = [Listener with { Traffic = Traffic(4_050_000, 960_000) }] } },
            { "equal lists", Before with { Problems = [.. Before.Problems], Listeners = [Listener], Backends = [Backend] } },
            { "refusals, which are in metrics alone", Before with { Listeners = [Listener with { RefusedTotal = Refused }] } },
            { "checks of an endpoint", Before with { Backends = [Backend with { Endpoints = [Endpoint with { ConnectsTotal = 21 }] }] } },
        };

    private static Dictionary<string, long> Refused => new() { ["full"] = 1 };

    [Theory]
    [MemberData(nameof(News))]
    public void Differs_SomethingFollowsFromIt_IsNews(string what, ReportMessage after)
    {
        ReportNews.Differs(Before, after, null, null).ShouldBeTrue(what);
        ReportNews.Differs(after, Before, null, null).ShouldBeTrue($"{what}, the other way");
    }

    [Theory]
    [MemberData(nameof(Nothing))]
    public void Differs_NothingFollowsFromIt_IsNoNews(string what, ReportMessage after) =>
        ReportNews.Differs(Before, after, null, null).ShouldBeFalse(what);

    [Theory]
    [InlineData(null, null, null, null, false)]
    [InlineData(null, null, 1.0, 0.0, true)]
    [InlineData(1.0, 0.0, null, null, true)]
    [InlineData(1.0, 0.0, 2.9, 0.0, false)]
    [InlineData(1.0, 0.0, 3.1, 0.0, true)]
    [InlineData(3.1, 0.0, 1.0, 0.0, true)]
    [InlineData(1.0, 0.0, 1.0, 0.5, true)]
    [InlineData(1.0, 7.0, 1.0, 7.0, false)]
    public void Differs_Rates_CpuMayWaverByTwoPoints(double? cpuWas, double? messagesWas, double? cpu, double? messages, bool news) =>
        ReportNews.Differs(Before, Before, Rates(cpuWas, messagesWas), Rates(cpu, messages)).ShouldBe(news);

    private static GatewayRates? Rates(double? cpu, double? messages) =>
        cpu is { } percent && messages is { } perSecond ? new GatewayRates(percent, perSecond) : null;
}
