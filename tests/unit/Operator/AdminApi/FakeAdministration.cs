using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.AdminApi;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.AdminApi;

/// <summary>One fleet in memory, on which the API's actions are only noted.</summary>
internal sealed class FakeAdministration : IFleetAdministration
{
    public string Mode => "host";

    public string? Unavailable { get; set; }

    /// <summary>What holding a gateway throws; null: nothing.</summary>
    public Exception? Failure { get; set; }

    public List<string> Done { get; } = [];

    public AdminFleet Fleet { get; set; } = MakeFleet();

    public IReadOnlyList<AdminFleet> Fleets() => [Fleet];

    public AdminFleet? Find(ObjectKey fleet) => fleet == new ObjectKey("shop", "edge") ? Fleet : null;

    /// <summary>What its gateways say.</summary>
    public IReadOnlyList<GatewayAnswer> Answers { get; set; } = [];

    public Task<IReadOnlyList<GatewayAnswer>> AskAsync(AdminFleet fleet, QuestionKind about, CancellationToken cancellation) =>
        Task.FromResult(Answers);

    public Task<AdminOutcome<ScaleAnswer>> ScaleAsync(AdminFleet fleet, int change, string caller, CancellationToken cancellation)
    {
        var spec = fleet.Entity.Spec;
        if (ScaleRules.Check(spec, spec.Gateway.Replicas, change) is { } problem)
        {
            return Task.FromResult<AdminOutcome<ScaleAnswer>>(problem);
        }

        Done.Add($"scale {change} by {caller}");
        return Task.FromResult<AdminOutcome<ScaleAnswer>>(
            new ScaleAnswer(spec.Gateway.Replicas, spec.Gateway.Replicas + change, ScaleRules.Note(spec))
        );
    }

    public Task<AdminOutcome<PauseAnswer>> PauseAsync(
        AdminFleet fleet,
        PauseScope scope,
        bool paused,
        string caller,
        CancellationToken cancellation
    )
    {
        Done.Add($"{scope} {paused}");
        return Task.FromResult<AdminOutcome<PauseAnswer>>(fleet.Pauses);
    }

    public Task<AdminOutcome<HoldAnswer>> HoldAsync(
        AdminFleet fleet,
        string gateway,
        GatewayHold? hold,
        string caller,
        CancellationToken cancellation
    )
    {
        if (Failure is not null)
        {
            return Task.FromException<AdminOutcome<HoldAnswer>>(Failure);
        }

        Done.Add($"{gateway} {hold?.ToString() ?? "none"}");
        return Task.FromResult<AdminOutcome<HoldAnswer>>(HoldRules.Answer(fleet, gateway, hold));
    }

    /// <summary>Two gateways that serve, one that drains, and one that has not reported.</summary>
    public static AdminFleet MakeFleet(int reservedPercent = 0, BandwidthSpec? limit = null, params GatewayView[] more)
    {
        var entity = new ConnectionFleet
        {
            Metadata = new()
            {
                Name = "edge",
                Namespace = "shop",
                CreationTimestamp = DateTimeOffset.UnixEpoch,
            },
            Spec = new FleetSpec
            {
                Gateway = new GatewaySpec
                {
                    Replicas = 2,
                    Capacity = new CapacitySpec { ReservedPercent = reservedPercent },
                },
                Listeners =
                [
                    new ListenerSpec
                    {
                        Name = "a",
                        Protocol = "TCP",
                        Port = 9000,
                        Limits = limit is null ? null : new ListenerLimitsSpec { Bandwidth = limit },
                    },
                ],
            },
        };
        var view = new FleetView
        {
            Fleet = "shop/edge",
            DesiredHash = "h1",
            Gateways =
            [
                Gateway("g-0", GatewayState.Serving, 30, 100, 4_000_000),
                Gateway("g-1", GatewayState.Serving, 90, 100, 1_000_000),
                Gateway("g-2", GatewayState.Draining, 7, 100, 0),
                Gateway("g-3", null, 0, 0, 0),
                .. more,
            ],
        };
        return new AdminFleet(entity, FleetOverviews.Of(entity, null, view), view);
    }

    public static GatewayView Gateway(string name, GatewayState? state, int connections, int capacity, double bits) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "shop/edge",
                Gateway = name,
                Version = "1",
            },
            ConnectedAt = DateTimeOffset.UnixEpoch,
            SeenAt = DateTimeOffset.UnixEpoch,
            ConfigHash = "h1",
            Report = state is null
                ? null
                : new ReportMessage
                {
                    State = state.Value,
                    Tunnels = name == "g-0" ? TunnelsAnswerTests.Load("g-0") : null,
                    Connections = connections,
                    Capacity = capacity,
                    Listeners =
                    [
                        new ListenerLoad
                        {
                            Name = "a",
                            Connections = connections,
                            Traffic = new TrafficLoad { ReceivedBitsPerSecond = bits, SentBitsPerSecond = bits / 2 },
                        },
                    ],
                    Backends = [new BackendLoad { Name = "b", Endpoints = [new EndpointLoad { Id = "</script><img src=x>" }] }],
                },
        };
}
