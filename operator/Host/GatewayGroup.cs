using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Host;

/// <summary>The gateway processes of one fleet.</summary>
/// <remarks>Used on the supervisor's loop only.</remarks>
internal sealed class GatewayGroup(string fleet, string handoverPath, HostContext host)
{
    private const string Spec = "gateway";
    private readonly ChildRunner _runner = new(host);
    private readonly List<ChildSlot> _slots = [];
    private DrainConfig _drain = new();
    private long _sequence;
    private bool _drainedForStop;

    public IReadOnlyList<ChildSlot> Slots => _slots;

    public int Desired { get; private set; }

    public int Ready => _slots.Count(static slot => slot.Phase == SlotPhase.Ready);

    public int Draining => _slots.Count(static slot => slot.Phase is SlotPhase.Draining or SlotPhase.Stopping);

    public void Apply(int replicas, DrainConfig drain) => (Desired, _drain, _drainedForStop) = (replicas, drain, false);

    /// <summary>The slot that runs this process; null for a stranger.</summary>
    public ChildSlot? Find(int processId) => _slots.Find(slot => slot.Process?.Id == processId);

    /// <summary>Does what can be done now.</summary>
    /// <param name="view">What the gateways say.</param>
    /// <param name="now">The time.</param>
    /// <param name="stopAt">When everything is to have ended; null while the host goes on.</param>
    public void Step(FleetView view, DateTimeOffset now, DateTimeOffset? stopAt)
    {
        if (stopAt is { } deadline)
        {
            DrainAll(deadline, now);
        }
        else
        {
            Scale(now);
        }

        foreach (var slot in _slots)
        {
            var gateway = view.Gateways.FirstOrDefault(gateway => gateway.Name == slot.Name && gateway.Hello.ProcessId == slot.Process?.Id);
            switch (slot.Phase)
            {
                case SlotPhase.Waiting when now >= slot.NotBefore:
                    Start(slot, now);
                    break;
                case SlotPhase.Starting when gateway?.Report is not null && gateway.ConfigHash is not null:
                    slot.Ready(now);
                    break;
                case SlotPhase.Draining when now >= slot.Deadline || IsDrained(gateway):
                    slot.Stop(now + host.Options.KillAfter, now);
                    break;
                case SlotPhase.Stopping when now >= slot.Deadline:
                    slot.Process?.Kill();
                    break;
            }
        }

        foreach (var slot in _slots.Where(static slot => slot.Phase == SlotPhase.Gone))
        {
            host.Hub.Forget(fleet, slot.Name);
        }

        _slots.RemoveAll(static slot => slot.Phase == SlotPhase.Gone);
    }

    private static bool IsDrained(GatewayView? gateway) =>
        gateway is { DirectiveTaken: true, Report: { Connections: 0, State: GatewayState.Drained or GatewayState.Draining } };

    private void Scale(DateTimeOffset now)
    {
        var decision = GroupPlanner.Decide(_slots, Spec, Desired);
        foreach (var slot in decision.TakeBack)
        {
            Direct(slot, DirectiveKind.Serve, "scale-out", null);
            slot.Ready(now);
        }

        foreach (var slot in decision.Drain)
        {
            Drain(slot, now + _drain.LameDuck + _drain.Deadline, "scale-in", now);
        }

        foreach (var number in decision.Start)
        {
            _slots.Add(new ChildSlot($"{fleet.Split('/')[1]}-gateway-{number}", number, Spec));
        }
    }

    private void DrainAll(DateTimeOffset deadline, DateTimeOffset now)
    {
        if (_drainedForStop)
        {
            return;
        }

        _drainedForStop = true;
        foreach (var slot in _slots.Where(static slot => slot.Phase is not (SlotPhase.Stopping or SlotPhase.Gone)))
        {
            Drain(slot, deadline, "stop", now);
        }
    }

    private void Drain(ChildSlot slot, DateTimeOffset deadline, string reason, DateTimeOffset now)
    {
        if (slot.Phase is SlotPhase.Ready or SlotPhase.Draining)
        {
            Direct(slot, DirectiveKind.Drain, reason, deadline);
            slot.Drain(deadline, now);
        }
        else
        {
            slot.Stop(now + host.Options.KillAfter, now);
        }
    }

    private void Direct(ChildSlot slot, DirectiveKind kind, string reason, DateTimeOffset? deadline) =>
        host.Hub.Direct(
            fleet,
            slot.Name,
            new DirectiveMessage
            {
                Kind = kind,
                // There is one supervisor, and its gateways are its children: no other epoch can be.
                Epoch = 1,
                Sequence = ++_sequence,
                Reason = reason,
                Deadline = deadline,
            }
        );

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
                ],
                Environment = host.Environment.With(new("MOORING_FLEET", fleet), new("MOORING_NAME", slot.Name)),
            },
            port: 0,
            now
        );
}
