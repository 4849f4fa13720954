using System.Net.WebSockets;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Contracts.Stream;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host;
using Mooring.Operator.Host.Processes;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Host;

/// <summary>What is said of a fleet of two gateways while more are asked for. They are processes that do nothing; what they say is made up.</summary>
public sealed class FleetRuntimeTests : IAsyncDisposable
{
    private const string Manifest = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: one}
        spec:
          gateway: {replicas: 2}
          scaling: {driver: Operator, minReplicas: 2, maxReplicas: 9}
          listeners: [{name: edge, protocol: TCP, port: 4000, backend: app}]
          backends: [{name: app, addresses: [{address: "10.0.0.1:80"}]}]
        """;

    private readonly HostRig _rig = new();
    private readonly List<string> _said = [];
    private readonly Dictionary<string, GatewaySession> _sessions = new(StringComparer.Ordinal);
    private readonly FleetRuntime _fleet;

    public FleetRuntimeTests()
    {
        var fleet = Read(Manifest);
        _fleet = new FleetRuntime(fleet, 0, _rig.Context with { Say = _said.Add }, _rig.Time.GetUtcNow());
        _fleet.Apply(fleet);
        Step();
        Report();
        Step();
        Condition(FleetConditions.Ready).ShouldBe("True Serving");
        _said.ShouldBeEmpty();
    }

    private FleetOverview Overview => HostOverview.Of(_fleet, _rig.Context.Hub.View(_fleet.Key));

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        await _rig.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_MoreAreAskedFor_IsNeitherDegradedNorUnready(bool byLoad)
    {
        AskForMore(byLoad);
        Step();
        Serves("they have not started");

        Report();
        Step();
        Condition(FleetConditions.Ready).ShouldBe("True Serving");
        _said.ShouldBeEmpty();

        // From now on it needs them all.
        _fleet.Gateways.Slots[0].Exited(new ProcessExit(1, null), _rig.Time.GetUtcNow());
        Step();
        HostServer.Serves(Overview).ShouldBeFalse();
        _said.ShouldHaveSingleItem().ShouldStartWith("default/one is degraded: GatewaysNotReady");
    }

    [Fact]
    public void Step_GatewayLostWhileMoreStart_IsUnready()
    {
        AskForMore(byLoad: false);
        Step();

        _fleet.Gateways.Slots[0].Exited(new ProcessExit(1, null), _rig.Time.GetUtcNow());
        Step();

        HostServer.Serves(Overview).ShouldBeFalse();
        Condition(FleetConditions.Degraded).ShouldBe("True GatewaysNotReady");
        _said.ShouldHaveSingleItem().ShouldStartWith("default/one is degraded: GatewaysNotReady");
    }

    /// <summary>What is wrong is as wrong with another number of gateways.</summary>
    [Fact]
    public void Step_DegradedFleetIsScaled_StaysDegraded()
    {
        Report(isBackendOut: true);
        Step();
        Condition(FleetConditions.Degraded).ShouldBe("True BackendsNotReady");

        _fleet.ScaleTo(3).ShouldBeTrue();
        for (var turn = 0; turn < 3; turn++)
        {
            Step();
            Condition(FleetConditions.Degraded).ShouldBe("True BackendsNotReady");
        }

        _said.ShouldHaveSingleItem().ShouldStartWith("default/one is degraded: BackendsNotReady");
    }

    [Fact]
    public void Step_BackendLostWhileMoreStart_IsUnready()
    {
        AskForMore(byLoad: false);
        Step();

        Report(isBackendOut: true);
        _fleet.Gateways.Slots[2].Exited(new ProcessExit(1, null), _rig.Time.GetUtcNow());
        Step();

        Condition(FleetConditions.Ready).ShouldBe("False BackendsNotReady");
        HostServer.Serves(Overview).ShouldBeFalse();
    }

    /// <summary>Those that it has serve on, and people wanted no others before it is resumed.</summary>
    [Fact]
    public void Step_PausedFleetIsAskedForMore_IsNeitherDegradedNorUnready()
    {
        _fleet.Apply(Read(Manifest + "\n  paused: true"));
        Step();
        _fleet.ScaleTo(3).ShouldBeTrue();
        for (var turn = 0; turn < 3; turn++)
        {
            Step();
            Serves("nothing happens before it is resumed");
            _rig.Time.Advance(TimeSpan.FromHours(1));
        }

        _fleet.Gateways.Slots.Count.ShouldBe(2);
        _said.ShouldBeEmpty();
    }

    private void AskForMore(bool byLoad)
    {
        if (byLoad)
        {
            Report(connections: 90);
        }
        else
        {
            _fleet.ScaleTo(3).ShouldBeTrue();
        }

        Step();
        _fleet.Gateways.Desired.ShouldBe(3);
        Serves("they were just asked for");
    }

    private void Serves(string why)
    {
        Condition(FleetConditions.Ready).ShouldBe("False GatewaysNotReady", why);
        Condition(FleetConditions.Degraded).ShouldBe("False AsWanted", why);
        HostServer.Serves(Overview).ShouldBeTrue(why);
    }

    private string Condition(string type)
    {
        var condition = Overview.Conditions.Single(condition => condition.Type == type);
        return $"{condition.Status} {condition.Reason}";
    }

    private void Step() => _fleet.Step(_rig.Time.GetUtcNow(), [], isKilled: false);

    /// <summary>All gateways that run say that they serve.</summary>
    private void Report(int connections = 0, bool isBackendOut = false)
    {
        var hub = _rig.Context.Hub;
        foreach (var slot in _fleet.Gateways.Slots)
        {
            if (!_sessions.TryGetValue(slot.Name, out var session))
            {
                hub.Join(_sessions[slot.Name] = session = Session(slot));
            }

            hub.Note(
                session,
                new ReportMessage
                {
                    State = GatewayState.Serving,
                    Connections = connections,
                    Capacity = 100,
                    Backends =
                    [
                        new BackendLoad { Name = "app", Endpoints = [new EndpointLoad { Id = "10.0.0.1:80", Healthy = !isBackendOut }] },
                    ],
                }
            );
        }
    }

    private GatewaySession Session(ChildSlot slot) =>
        new(
            WebSocket.CreateFromStream(Stream.Null, new WebSocketCreationOptions { IsServer = true }),
            new HelloMessage
            {
                Fleet = _fleet.Key,
                Gateway = slot.Name,
                Version = "1",
                ProcessId = slot.Process!.Id,
                ConfigHash = _rig.Context.Hub.View(_fleet.Key).DesiredHash,
            },
            _rig.Context.Hub,
            new StreamOptions(),
            _rig.Time,
            NullLogger.Instance
        );

    private HostFleet Read(string manifest)
    {
        var parsed = HostManifest.Parse(manifest, _rig.Context.Options.ManifestPath, _rig.Context.Options.Secrets);
        parsed.Errors.ShouldBeEmpty();
        return parsed.Fleets.ShouldHaveSingleItem();
    }
}
