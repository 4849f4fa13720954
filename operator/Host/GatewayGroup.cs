using System.Globalization;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host.Processes;
using Mooring.Operator.Host.Sockets;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Host;

/// <summary>The gateway processes of one fleet.</summary>
/// <remarks>Used on the supervisor's loop only.</remarks>
internal sealed class GatewayGroup(string fleet, string handoverPath, HostContext host)
{
    private readonly TakeoverSockets _takeover = new(handoverPath);
    private readonly ChildRunner _runner = new(host);
    private readonly List<ChildSlot> _slots = [];
    private DrainConfig _drain = new();

    // Processes that served at the last turn.
    private HashSet<int> _serving = [];
    private DateTimeOffset _movedAt;

    // There is one supervisor, and its gateways are its children: no other epoch can be.
    private readonly DirectiveSender _sender = new(host.Hub, epoch: 1, host.Time);
    private ConnectionFleet _fleet = new();

    public IReadOnlyList<ChildSlot> Slots => _slots;

    /// <summary>What the gateways are to run: a slot of another revision is replaced once one of this can take its connections.</summary>
    public string Revision { get; private set; } = "";

    /// <summary>Where the sequence to <see cref="Revision"/> and <see cref="Desired"/> stands.</summary>
    public SequencePhase Phase { get; private set; } = SequencePhase.Complete;

    public int Desired { get; private set; }

    public int Ready => _slots.Count(static slot => slot.Phase == SlotPhase.Ready);

    private TimeSpan MinReady => RolloutProgress.MinReady(_fleet.Spec.Gateway.Rollout);

    public int Draining => _slots.Count(static slot => slot.Phase is SlotPhase.Draining or SlotPhase.Stopping);

    /// <summary>Clients are being sent away from workloads that drain, and have half of the rate.</summary>
    public bool EndpointsEmptying { get; set; }

    /// <summary>How far the fullest gateway is above its share of the connections, in percent of that share.</summary>
    public int SkewPercent { get; private set; }

    public void Apply(ConnectionFleet wanted, int replicas, DrainConfig drain)
    {
        (_fleet, Desired, _drain) = (wanted, replicas, drain);
        foreach (var slot in _slots)
        {
            slot.MinReady = MinReady;
        }
    }

    /// <summary>The slot that runs this process; null for a stranger.</summary>
    public ChildSlot? Find(int processId) => _slots.Find(slot => slot.Process?.Id == processId);

    /// <summary>The gateways as the status is made from.</summary>
    public IReadOnlyList<GatewayProcess> Processes(FleetView view) =>
        [.. Present.Zip(See(view), static (slot, gateway) => new GatewayProcess(gateway, slot.Problem))];

    /// <summary>What is known of the connections that they carry, as of the last <see cref="Step"/>.</summary>
    public GatewayLoads Loads(FleetView view) =>
        new([.. _slots.Where(static slot => slot.Process is not null).Select(slot => Find(view, slot))], _movedAt);

    /// <summary>The wall clock was set.</summary>
    public void Shift(TimeSpan by) => _movedAt = _movedAt == default ? default : _movedAt + by;

    /// <summary>Does what can be done now.</summary>
    /// <param name="view">What the gateways say.</param>
    /// <param name="now">The time.</param>
    /// <param name="stopAt">When everything is to have ended; null while the host goes on.</param>
    public void Step(FleetView view, DateTimeOffset now, DateTimeOffset? stopAt)
    {
        if (stopAt is { } deadline)
        {
            DrainAll(view, deadline, now);
        }
        else
        {
            Recall(now);
            Scale(view, now);
        }

        foreach (var slot in _slots)
        {
            var gateway = Find(view, slot);
            switch (slot.Phase)
            {
                case SlotPhase.Waiting when now >= slot.NotBefore:
                    Start(slot, now);
                    break;
                case SlotPhase.Starting when gateway?.Report is not null && gateway.ConfigHash is not null:
                    slot.Ready(now);
                    Mark(slot, slot.Mark, now);
                    break;
                case SlotPhase.Ready:
                    slot.Settle(now);
                    break;
                case SlotPhase.Draining when stopAt is not null && (now >= slot.Deadline || IsDrained(gateway)):
                    slot.Stop(now + host.Options.KillAfter, now);
                    break;
                case SlotPhase.Stopping when now >= slot.Deadline:
                    slot.Process?.Kill();
                    break;
            }
        }

        NoteMoves(view, now);
        _takeover.Tidy(_slots);
        foreach (var slot in _slots.Where(static slot => slot.Phase == SlotPhase.Gone))
        {
            host.Hub.Forget(fleet, slot.Name);
        }

        _slots.RemoveAll(static slot => slot.Phase == SlotPhase.Gone);
    }

    /// <summary>Event loops of each of so many gateways on one host: together at least one for each processor, since more only take turns.</summary>
    public static int LoopsOf(int processors, int gateways) => (processors + Math.Max(1, gateways) - 1) / Math.Max(1, gateways);

    private static bool IsDrained(GatewayView? gateway) =>
        gateway is { DirectiveTaken: true, Report: { Connections: 0, State: GatewayState.Drained or GatewayState.Draining } };

    /// <summary>The same sequence as in a cluster: the least loaded go, at the fleet's pace, and only when they are empty.</summary>
    private void Scale(FleetView view, DateTimeOffset now)
    {
        // While it is paused, what runs goes on running.
        if (Revision.Length == 0 || !_fleet.Spec.Paused)
        {
            Revision = host.Revisions.Of(_fleet.Spec.Gateway);
        }

        var revision = Revision;
        var gateways = See(view);
        var groups = gateways
            .Where(static gateway => gateway.Stage != GatewayStage.Terminating)
            .CountBy(static gateway => gateway.Revision)
            .Select(static group => new RevisionGroup(group.Key, group.Value, group.Value))
            .ToList();
        var living = groups.Find(group => group.Revision == revision)?.Existing ?? 0;
        var step = DrainSequence.Decide(
            new SequenceInput
            {
                Now = now,
                Wanted = Desired,
                Revision = revision,
                Gateways = gateways,
                Groups = groups,
                // No load balancer has to notice: the sockets are shared with the others.
                Pace = GatewayObserver.Pace(_fleet.Spec.Gateway) with
                {
                    LameDuck = TimeSpan.Zero,
                    Deadline = _drain.Deadline,
                },
            }
        );
        foreach (var change in step.Marks)
        {
            Mark(_slots.Find(slot => slot.Name == change.Gateway)!, change.After, now);
        }

        // What has not started yet carries nobody.
        var surplus = living - step.TargetOf(revision);
        foreach (
            var slot in _slots
                .Where(slot => slot.SpecHash == revision && slot.Phase is (SlotPhase.Waiting or SlotPhase.Starting))
                .Reverse()
                .Take(Math.Max(0, surplus))
                .ToList()
        )
        {
            slot.Stop(now + host.Options.KillAfter, now);
        }

        var taken = _slots.Where(static slot => slot.Phase != SlotPhase.Gone).Select(static slot => slot.Number).ToHashSet();
        foreach (var number in Enumerable.Range(0, int.MaxValue).Where(number => !taken.Contains(number)).Take(Math.Max(0, -surplus)))
        {
            _slots.Add(new ChildSlot($"{fleet.Split('/')[1]}-gateway-{number}", number, revision) { MinReady = MinReady });
        }

        Phase = step.Phase;
        var orders = FleetOrders.Decide(_fleet, See(view), view, step.Phase != SequencePhase.Complete, EndpointsEmptying);
        _sender.Send(fleet, orders.Orders, view);
        SkewPercent = orders.SkewPercent;
    }

    /// <summary>One that is cordoned before it serves has nothing to empty: it goes on to start, and is cordoned then.</summary>
    private void Mark(ChildSlot slot, DrainMark? mark, DateTimeOffset now)
    {
        slot.Mark = mark;
        switch (mark)
        {
            case { Drained: true }:
                slot.Stop(now + host.Options.KillAfter, now);
                break;
            case null when slot.Phase == SlotPhase.Draining:
                slot.Ready(now);
                break;
            case not null when slot.Serves:
                slot.Drain(mark.Deadline ?? now + _drain.Deadline, now);
                break;
        }
    }

    /// <summary>A gateway that drains, be it that somebody else has signalled it, gives its connections to the others until it has ended. A cordoned one keeps its own.</summary>
    private void NoteMoves(FleetView view, DateTimeOffset now)
    {
        var serving = _slots
            .Where(static slot => slot is { Process: not null, ReadySince: not null })
            .Select(static slot => slot.Process!.Id)
            .ToHashSet();
        if (
            !_serving.IsSubsetOf(serving)
            || _slots.Exists(static slot =>
                slot.Phase == SlotPhase.Stopping || slot is { Phase: SlotPhase.Draining, Mark: null or { DrainStartedAt: not null } }
            )
            || view.Gateways.Any(static gateway => gateway.State is GatewayState.Draining or GatewayState.Drained)
        )
        {
            _movedAt = now;
        }

        _serving = serving;
    }

    private IEnumerable<ChildSlot> Present => _slots.Where(static slot => slot.Phase != SlotPhase.Gone);

    private List<SequenceGateway> See(FleetView view) =>
        [
            .. Present.Select(slot => new SequenceGateway
            {
                Name = slot.Name,
                Revision = slot.SpecHash,
                Stage = slot.Phase switch
                {
                    SlotPhase.Waiting or SlotPhase.Starting => GatewayStage.Pending,
                    SlotPhase.Ready => GatewayStage.Ready,
                    SlotPhase.Draining => GatewayStage.NotReady,
                    _ => GatewayStage.Terminating,
                },
                CreatedAt = slot.Since,
                ReadySince = slot.ReadySince,
                UnreadySince = slot.LostSince,
                Mark = slot.Mark,
                Hold = slot.Hold,
                Load = GatewayObserver.LoadOf(Find(view, slot)),
                UnheardSince = UnheardSince(view, slot),
            }),
        ];

    /// <summary>A stream that is away for a moment in the middle of a long drain is no reason to end what it has.</summary>
    private DateTimeOffset UnheardSince(FleetView view, ChildSlot slot)
    {
        var gone = view.Departed.FirstOrDefault(one => one.Name == slot.Name)?.At;
        var since = GatewayObserver.UnheardSince(gone, Find(view, slot), slot.Since, host.Time.GetUtcNow());
        return since > slot.Since ? since : slot.Since;
    }

    private static GatewayView? Find(FleetView view, ChildSlot slot) =>
        view.Gateways.FirstOrDefault(gateway => gateway.Name == slot.Name && gateway.Hello.ProcessId == slot.Process?.Id);

    private void DrainAll(FleetView view, DateTimeOffset deadline, DateTimeOffset now)
    {
        Phase = SequencePhase.Complete;
        foreach (var slot in _slots.Where(static slot => slot.Phase is not (SlotPhase.Stopping or SlotPhase.Gone)))
        {
            if (slot.Phase == SlotPhase.Ready || (slot.Phase == SlotPhase.Draining && slot.Deadline != deadline))
            {
                slot.Drain(deadline, now);
            }
            else if (slot.Phase != SlotPhase.Draining)
            {
                slot.Stop(now + host.Options.KillAfter, now);
            }
        }

        // Again and again: an order that is not renewed ends long before the deadline may.
        _sender.Send(
            fleet,
            [
                .. _slots
                    .Where(static slot => slot.Phase == SlotPhase.Draining)
                    .Select(slot => new GatewayOrder(slot.Name, DirectiveKind.Drain, "stop", deadline)),
            ],
            view
        );
    }

    /// <summary>The fleet was to end and is wanted again: those that drain for that alone, and so are not marked, serve on.</summary>
    private void Recall(DateTimeOffset now)
    {
        foreach (var slot in _slots.Where(static slot => slot is { Phase: SlotPhase.Draining, Mark: null }))
        {
            slot.Ready(now);
        }
    }

    private void Start(ChildSlot slot, DateTimeOffset now) =>
        _runner.TryStart(
            slot,
            new ProcessSpec
            {
                Name = slot.Name,
                Command =
                [
                    host.Options.GatewayPath,
                    "serve",
                    "--fleet",
                    fleet,
                    "--name",
                    slot.Name,
                    "--stream",
                    $"unix:{host.StreamPath}",
                    "--handover",
                    handoverPath,
                    "--takeover",
                    _takeover.Next(slot),
                    "--siblings",
                    _takeover.Pattern,
                    "--tunnel-bind",
                    host.Options.Bind.ToString(),
                    "--loops",
                    LoopsOf(Environment.ProcessorCount, Desired).ToString(CultureInfo.InvariantCulture),
                ],
                Environment = host.Environment.ForGateway(new("MOORING_FLEET", fleet), new("MOORING_NAME", slot.Name)),
            },
            port: 0,
            now
        );
}
