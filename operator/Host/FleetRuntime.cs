using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Handover;
using Mooring.Contracts.Stream;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host.Sockets;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Workloads;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Host;

/// <summary>One fleet on this machine: its gateways, its workloads and what they are told.</summary>
/// <remarks>Used on the supervisor's loop only.</remarks>
internal sealed class FleetRuntime : IAsyncDisposable
{
    private readonly HostContext _host;
    private readonly HandoverServer _handover;
    private readonly string _handoverPath;
    private readonly Dictionary<string, WorkloadGroup> _workloads = new(StringComparer.Ordinal);
    private readonly DateTimeOffset _createdAt;
    private long _generation;
    private bool _applied;
    private FleetDesired? _told;
    private DateTimeOffset? _stopAt;
    private readonly ShardAssignment _shards = new();
    private IReadOnlyList<System.Runtime.InteropServices.SafeHandle> _handles = [];
    private HandoverMessage? _set;
    private long _published;

    /// <summary>Why it is degraded, as people were told; null: it is not.</summary>
    private string? _degraded;

    /// <summary>Gateways that the load wants; null where the manifest alone says how many.</summary>
    private int? _scaled;

    /// <summary>Gateways that were wanted when it was last ready; null: it never was.</summary>
    private int? _readyWith;
    private long _readyGeneration;

    private ScalingDecision? _scaling;
    private readonly Dictionary<string, ScalingDecision> _workloadScaling = new(StringComparer.Ordinal);

    public FleetRuntime(HostFleet fleet, int number, HostContext host, DateTimeOffset now)
    {
        (Fleet, _host, _createdAt) = (fleet, host, now);
        Entity = fleet.Fleet;
        // A number, not the name: paths of Unix sockets are short.
        var path = Path.Combine(host.Options.StateDirectory, $"handover-{number}.sock");
        HandoverBoard.Create(path);
        _handoverPath = path;
        try
        {
            _handover = new HandoverServer(path, host.Time);
        }
        catch
        {
            HandoverBoard.Delete(path);
            throw;
        }

        Gateways = new GatewayGroup(fleet.Key, path, host);
    }

    public HostFleet Fleet { get; private set; }

    public string Key => Fleet.Key;

    /// <summary>Files of Secrets that the config in force names.</summary>
    public IReadOnlyList<string> SecretFiles { get; private set; } = [];

    /// <summary>The fleet with its status as of the last <see cref="Step"/>.</summary>
    public ConnectionFleet Entity { get; private set; }

    public GatewayGroup Gateways { get; }

    /// <summary>Gateways without which it does not serve as it did: more that were asked for since are on their way, or wait for the end of a pause.</summary>
    public int GatewaysNeeded => Math.Min(_readyWith ?? int.MaxValue, Entity.Spec.Gateway.Replicas);

    public IReadOnlyDictionary<string, WorkloadGroup> Workloads => _workloads;

    /// <summary>It is to end: the manifest has it no more, or the host stops.</summary>
    public bool IsStopping => _stopAt is not null;

    /// <summary>It is new, and has been paused ever since: it runs nothing.</summary>
    public bool IsHeld { get; private set; }

    /// <summary>It has ended.</summary>
    public bool IsGone => IsStopping && Gateways.Slots.Count == 0 && _workloads.Count == 0;

    /// <summary>Sets what is wanted; takes effect with the next <see cref="Step"/>.</summary>
    public void Apply(HostFleet fleet)
    {
        if (!IsSame(fleet))
        {
            _generation++;
        }

        // While it is paused, what runs goes on running as it was wanted before; a fleet that is new runs nothing.
        var plan = fleet.Plan.Paused ? Unchanged() with { Paused = true } : fleet.Plan;
        IsHeld = fleet.Plan.Paused && (IsHeld || !_applied);
        Fleet = fleet with { Plan = plan };
        if (!plan.Paused && fleet.Input is { } input)
        {
            SecretFiles =
            [
                .. SecretPaths.Used(fleet.Fleet.Spec).SelectMany(use => use.Keys.Select(key => input.Secrets.File(use.Name, key))),
            ];
        }

        _stopAt = null;
        _applied = true;
        fleet.Fleet.Metadata.DeletionTimestamp = null;
        fleet.Fleet.Metadata.Generation = _generation;
        fleet.Fleet.Metadata.CreationTimestamp = _createdAt;
        Entity = fleet.Fleet with { Status = Entity.Status };
        if (fleet.Fleet.Spec.Scaling is { Driver: ScalingDrivers.Operator })
        {
            // The manifest says how many to begin with; from then on the load does.
            _scaled = IsHeld ? fleet.Plan.GatewayReplicas : _scaled ?? (plan.Paused ? Gateways.Desired : plan.GatewayReplicas);
            Entity = Scaled(Entity, _scaled.Value);
        }
        else
        {
            _scaled = null;
        }

        // As many as there were, whoever wanted them: the load, the admin API or the manifest.
        Gateways.Apply(Entity, plan.Paused ? Gateways.Desired : _scaled ?? plan.GatewayReplicas, plan.Config.Drain);
        foreach (var workload in plan.Workloads)
        {
            if (!_workloads.TryGetValue(workload.Backend, out var group))
            {
                _workloads.Add(workload.Backend, group = new WorkloadGroup(Key, _host));
                group.Apply(workload);
            }

            group.Apply(plan.Paused ? workload with { Replicas = group.Desired } : workload);
        }

        foreach (var (_, group) in _workloads.Where(pair => plan.Workloads.All(workload => workload.Backend != pair.Key)))
        {
            group.Apply(null);
        }
    }

    /// <summary>Sets how many gateways there are to be where the load decides it otherwise. False: the manifest does.</summary>
    public bool ScaleTo(int gateways)
    {
        if (_scaled is null)
        {
            return false;
        }

        Want(gateways);
        if (!Fleet.Plan.Paused)
        {
            Gateways.Apply(Entity, gateways, Fleet.Plan.Config.Drain);
        }

        return true;
    }

    /// <summary>The wall clock was set: what waits for a deadline waits for as long as it would have.</summary>
    public void Shift(TimeSpan by)
    {
        Entity = Entity with { Status = RolloutProgress.Shift(Entity.Status, by) };
        _stopAt += by;
        Gateways.Shift(by);
    }

    /// <summary>Hands the fleet's listening sockets over.</summary>
    public void Publish(ListenerSockets sockets)
    {
        if (sockets.Set(Key) is { } set)
        {
            (_set, _handles) = (set, sockets.Handles(set));
            Assign(_host.Hub.View(Key), _host.Time.GetUtcNow());
            Publish();
        }
    }

    /// <summary>Begins to end it: gateways first, by the moment given, then workloads.</summary>
    public void Stop(DateTimeOffset at)
    {
        _stopAt = _stopAt < at ? _stopAt : at;
        Entity.Metadata.DeletionTimestamp ??= _host.Time.GetUtcNow();
    }

    /// <summary>Does what can be done now: starts, drains and ends children, and tells the gateways what changed.</summary>
    /// <param name="now">The time.</param>
    /// <param name="takenPorts">Ports that no child may get; the ports of started ones are added.</param>
    /// <param name="isKilled">Everything is to end at once: workloads are not kept for the gateways.</param>
    public void Step(DateTimeOffset now, HashSet<int> takenPorts, bool isKilled)
    {
        var view = _host.Hub.View(Key);
        Scale(view, now);
        ScaleWorkloads(view, now);
        Gateways.EndpointsEmptying = IsEmptying(view);
        Gateways.Step(view, now, _stopAt);
        if (Assign(view, now))
        {
            Publish();
        }

        // Workloads outlive the gateways, whose connections end there.
        var stopWorkloads = IsStopping && (isKilled || Gateways.Slots.Count == 0);
        var loads = Gateways.Loads(view);
        foreach (var (backend, group) in _workloads)
        {
            group.Step(view, loads, now, takenPorts, stopWorkloads);
            if (group.Slots.Count == 0 && group.Desired == 0 && Fleet.Plan.Workloads.All(plan => plan.Backend != backend))
            {
                _workloads.Remove(backend);
            }
            else if (group.Slots.Count == 0 && stopWorkloads)
            {
                _workloads.Remove(backend);
            }
        }

        Tell(view);
        UpdateStatus(now);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _handover.DisposeAsync();
            HandoverBoard.Delete(_handoverPath);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // No descriptor left, or somebody has tidied up. The other fleets are not to end for a file: the watchdog, or the next start, removes it.
        }
    }

    /// <summary>Shares the sockets of the UDP ports out among the gateways that take new clients; true when something changed.</summary>
    private bool Assign(FleetView view, DateTimeOffset now)
    {
        if (_set is null || Numbered(_set) is not { Count: > 0 } shards)
        {
            return false;
        }

        var serving = Gateways
            .Slots.Where(slot =>
                slot is { Phase: SlotPhase.Ready, Process: not null }
                && view.Gateways.Any(gateway => gateway.Hello.ProcessId == slot.Process.Id && gateway.Report?.State == GatewayState.Serving)
            )
            .Select(static slot => slot.Process!.Id)
            .ToList();
        var living = Gateways.Slots.Where(static slot => slot.Process is not null).Select(static slot => slot.Process!.Id).ToList();
        return _shards.Update([.. shards.Where(static shard => shard.Port > 0)], serving, living, now);
    }

    private void Publish()
    {
        var owners = Numbered(_set!).Select(shard => shard.Port > 0 ? _shards[shard.Port, shard.Number] : (int?)null).ToList();
        _handover.Publish(_set! with { Sequence = ++_published }, _handles, owners);
    }

    /// <summary>Port and number of each UDP socket of a set; zeros for the others.</summary>
    private static List<(int Port, int Number)> Numbered(HandoverMessage set)
    {
        var next = new Dictionary<int, int>();
        return
        [
            .. set.Listeners.Select(listener =>
            {
                if (listener.Protocol != ListenerProtocol.UDP)
                {
                    return default;
                }

                var number = next.GetValueOrDefault(listener.Port);
                next[listener.Port] = number + 1;
                return (listener.Port, number);
            }),
        ];
    }

    /// <summary>Decides how many gateways the load wants, and has as many where the operator is to scale the fleet.</summary>
    private void Scale(FleetView view, DateTimeOffset now)
    {
        _scaling = IsStopping ? null : FleetScaling.Decide(Input(view, now));
        if (_scaling is not { } decision || _scaled is not { } current || decision.Recommended == current || Fleet.Plan.Paused)
        {
            return;
        }

        // The status first: it remembers from which number it went where.
        UpdateStatus(now);
        Want(decision.Recommended);
        Gateways.Apply(Entity, decision.Recommended, Fleet.Plan.Config.Drain);
    }

    /// <summary>Has as many processes of each workload as its connections want.</summary>
    private void ScaleWorkloads(FleetView view, DateTimeOffset now)
    {
        _workloadScaling.Clear();
        if (IsStopping)
        {
            return;
        }

        var input = Input(view, now);
        foreach (var plan in Fleet.Plan.Workloads)
        {
            // Of the plan in force: while it is paused, the spec may have others.
            if (
                Entity.Spec.Backends.FirstOrDefault(backend => backend.Name == plan.Backend) is { Workload: not null } backend
                && WorkloadScaling.Decide(input, backend) is { } decision
            )
            {
                _workloadScaling[plan.Backend] = decision;
                _workloads[plan.Backend].Apply(plan with { Replicas = decision.Recommended });
            }
        }
    }

    private bool IsEmptying(FleetView view) =>
        _workloads.Any(pair =>
            pair.Value.Draining is { Count: > 0 } draining
            && WorkloadMembers.Connections(view, pair.Key).Any(load => load.Value > 0 && draining.Contains(load.Key))
        );

    /// <summary>The workloads as they are wanted now.</summary>
    private List<WorkloadPlan> WorkloadPlans() =>
        [
            .. Fleet.Plan.Workloads.Select(plan =>
                plan with
                {
                    Replicas =
                        _workloadScaling.GetValueOrDefault(plan.Backend)?.Recommended
                        ?? _workloads.GetValueOrDefault(plan.Backend)?.Desired
                        ?? plan.Replicas,
                    Scaling = _workloadScaling.GetValueOrDefault(plan.Backend),
                    Draining = _workloads.GetValueOrDefault(plan.Backend)?.Draining ?? plan.Draining,
                }
            ),
        ];

    private FleetInput Input(FleetView view, DateTimeOffset now) =>
        new()
        {
            Fleet = Entity,
            Platform = FleetPlatform.Host,
            View = view,
            Now = now,
            Gateways = Gateways.Processes(view),
            Workloads = _workloads.ToDictionary(static pair => pair.Key, static pair => pair.Value.Members, StringComparer.Ordinal),
        };

    private void Want(int gateways)
    {
        _scaled = gateways;
        Entity = Scaled(Entity, gateways);
    }

    private static ConnectionFleet Scaled(ConnectionFleet fleet, int gateways) =>
        fleet with
        {
            Spec = fleet.Spec with { Gateway = fleet.Spec.Gateway with { Replicas = gateways } },
        };

    private FleetPlan Unchanged() => _applied ? Fleet.Plan : Fleet.Plan with { GatewayReplicas = 0, Workloads = [] };

    private bool IsSame(HostFleet fleet) =>
        _generation > 0
        && JsonSerializer
            .SerializeToUtf8Bytes(fleet.Fleet.Spec, FleetJson.Default.FleetSpec)
            .AsSpan()
            .SequenceEqual(JsonSerializer.SerializeToUtf8Bytes(Fleet.Fleet.Spec, FleetJson.Default.FleetSpec));

    private void UpdateStatus(DateTimeOffset now)
    {
        var view = _host.Hub.View(Key);
        Entity = Entity with
        {
            Status = FleetStatusCalculator.Calculate(
                new StatusInput
                {
                    Input = new FleetInput
                    {
                        Fleet = Entity,
                        Platform = FleetPlatform.Host,
                        Gateways = Gateways.Processes(view),
                    },
                    Plan = Fleet.Plan with
                    {
                        Revision = Gateways.Revision,
                        Rollout = Gateways.Phase,
                        SkewPercent = Gateways.SkewPercent,
                        Scaling = _scaling,
                        Workloads = WorkloadPlans(),
                    },
                    View = view,
                    Endpoints = Endpoints(),
                    StalledWorkloads = StalledWorkloads(),
                    GatewaysNeeded = GatewaysNeeded,
                    WasReady = _readyGeneration == _generation,
                    Now = now,
                }
            ),
        };
        if (Entity.Status.Conditions!.Any(static one => one is { Type: FleetConditions.Ready, Status: FleetConditions.True }))
        {
            (_readyWith, _readyGeneration) = (Entity.Spec.Gateway.Replicas, _generation);
        }

        TellOfDegradation();
    }

    private List<string> StalledWorkloads()
    {
        var deadline = RolloutProgress.Deadline(Entity);
        return
        [
            .. _workloads
                .OrderBy(static pair => pair.Key, StringComparer.Ordinal)
                .Select(pair => (pair.Key, Stall: pair.Value.Stall(deadline)))
                .Where(static one => one.Stall is not null)
                .Select(static one => $"workload {one.Key} makes no progress: {one.Stall}"),
        ];
    }

    /// <summary>Says once why the fleet is degraded, and once that it no longer is.</summary>
    private void TellOfDegradation()
    {
        if (IsStopping)
        {
            // That its gateways go is what was asked for.
            return;
        }

        var degraded = Entity.Status?.Conditions?.FirstOrDefault(static condition =>
            condition is { Type: FleetConditions.Degraded, Status: FleetConditions.True }
        );
        if (degraded?.Reason == _degraded)
        {
            return;
        }

        _degraded = degraded?.Reason;
        _host.Say(degraded is null ? $"{Key} is no longer degraded" : $"{Key} is degraded: {degraded.Reason}: {degraded.Message}");
    }

    /// <summary>The hub pushes only what differs from before; what is the same as at the last turn need not even be written as JSON.</summary>
    private void Tell(FleetView view)
    {
        var endpoints = Endpoints();
        var pace = WorkloadDrains.Pace(Entity, view, IsEmptying(view), Gateways.Draining > 0);
        if (
            ReferenceEquals(_told?.Config, Fleet.Plan.Config)
            && _told.EndpointClosesPerSecond.Equals(pace)
            && _told.Endpoints.Count == endpoints.Count
            && endpoints.All(pair => _told.Endpoints.TryGetValue(pair.Key, out var before) && before.SequenceEqual(pair.Value))
        )
        {
            return;
        }

        _told = new FleetDesired
        {
            Config = Fleet.Plan.Config,
            Endpoints = endpoints,
            EndpointClosesPerSecond = pace,
        };
        _host.Hub.SetDesired(Key, _told);
    }

    private Dictionary<string, IReadOnlyList<EndpointInfo>> Endpoints() =>
        Fleet.Plan.Workloads.ToDictionary(
            static plan => plan.Backend,
            plan => _workloads.TryGetValue(plan.Backend, out var group) ? group.Endpoints : (IReadOnlyList<EndpointInfo>)[],
            StringComparer.Ordinal
        );
}
