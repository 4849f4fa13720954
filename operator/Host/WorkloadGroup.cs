using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Mooring.Contracts.Handover;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host.Processes;
using Mooring.Operator.Host.Sockets;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Workloads;

namespace Mooring.Operator.Host;

/// <summary>The processes of one workload backend.</summary>
/// <remarks>Used on the supervisor's loop only.</remarks>
internal sealed class WorkloadGroup(string fleet, HostContext host)
{
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ProbePause = TimeSpan.FromMilliseconds(50);
    private readonly ChildRunner _runner = new(host);
    private const int MaxProblems = 3;
    private readonly List<ChildSlot> _slots = [];
    private readonly WorkloadProgress _progress = new(host.Time);
    private WorkloadPlan? _plan;
    private string _specHash = "";

    // Of one that is not wanted any more, what it was when it was.
    private TimeSpan _drain;

    public IReadOnlyList<ChildSlot> Slots => _slots;

    public int Desired => _plan?.Replicas ?? 0;

    public int Ready => _slots.Count(slot => slot.Phase == SlotPhase.Ready && slot.SpecHash == _specHash);

    /// <summary>What the gateways are to know: those that take or hold connections.</summary>
    public IReadOnlyList<EndpointInfo> Endpoints =>
        [
            .. _slots
                .Where(static slot => slot.Serves)
                .OrderBy(static slot => slot.Number)
                .Select(static slot => new EndpointInfo
                {
                    Id = slot.Name,
                    Address = "127.0.0.1",
                    Port = slot.Port,
                    Draining = slot.Phase == SlotPhase.Draining,
                }),
        ];

    /// <summary>The processes as scaling sees them.</summary>
    public IReadOnlyList<WorkloadMember> Members =>
        [
            .. _slots
                .Where(static slot => slot.Phase != SlotPhase.Gone)
                .Select(static slot => new WorkloadMember(slot.Name, slot.Phase == SlotPhase.Ready)),
        ];

    /// <summary>Names of those that are being emptied.</summary>
    public IReadOnlySet<string> Draining =>
        _slots.Where(static slot => slot.Phase == SlotPhase.Draining).Select(static slot => slot.Name).ToHashSet(StringComparer.Ordinal);

    /// <summary>Why processes that are wanted have not come to serve for so long; null: they have, or their time is not over.</summary>
    public string? Stall(TimeSpan deadline) =>
        _progress.IsOverdue(deadline)
            ? string.Join(
                "; ",
                _slots
                    .Where(slot => slot.SpecHash == _specHash && slot.Phase is (SlotPhase.Waiting or SlotPhase.Starting))
                    .OrderBy(static slot => slot.Number)
                    .Take(MaxProblems)
                    .Select(static slot => $"{slot.Name}: {slot.Problem ?? "runs, and does not come to serve"}")
            )
            : null;

    /// <summary>Sets what is wanted; null: nothing of it any more.</summary>
    public void Apply(WorkloadPlan? plan)
    {
        (_plan, _drain) = (plan, plan?.DrainDeadline ?? _drain);
        _specHash = plan is null ? "" : Hash(plan);
    }

    /// <summary>Does what can be done now.</summary>
    /// <param name="view">What the gateways say.</param>
    /// <param name="loads">What is known of the connections that they carry.</param>
    /// <param name="now">The time.</param>
    /// <param name="takenPorts">Ports that no child may get; the ports of started ones are added.</param>
    /// <param name="stopping">Everything is to end, without waiting for connections.</param>
    public void Step(FleetView view, GatewayLoads loads, DateTimeOffset now, HashSet<int> takenPorts, bool stopping)
    {
        if (stopping)
        {
            foreach (var slot in _slots.Where(static slot => slot.Phase is not (SlotPhase.Stopping or SlotPhase.Gone)))
            {
                slot.Stop(now + host.Options.KillAfter, now);
            }
        }
        else
        {
            Scale(view, now);
        }

        foreach (var slot in _slots)
        {
            switch (slot.Phase)
            {
                case SlotPhase.Waiting when now >= slot.NotBefore && !stopping:
                    Start(slot, now, takenPorts);
                    break;
                case SlotPhase.Draining when now >= slot.Deadline || loads.AreWithout(slot.Name, slot.Since, now):
                    slot.Stop(now + host.Options.KillAfter, now);
                    break;
                case SlotPhase.Stopping when now >= slot.Deadline:
                    slot.Process?.Kill();
                    break;
            }
        }

        _slots.RemoveAll(static slot => slot.Phase == SlotPhase.Gone);
        _progress.Look(_specHash, Ready, stopping ? 0 : Desired);
    }

    private void Scale(FleetView view, DateTimeOffset now)
    {
        var loads = _slots.Count > Desired ? WorkloadMembers.Connections(view, _plan?.Backend ?? "") : null;
        var decision = GroupPlanner.Decide(_slots, _specHash, Desired, loads);
        foreach (var slot in decision.TakeBack)
        {
            slot.Ready(now);
        }

        foreach (var slot in decision.Drain)
        {
            if (slot.Phase == SlotPhase.Ready)
            {
                slot.Drain(now + _drain, now);
            }
            else
            {
                slot.Stop(now + host.Options.KillAfter, now);
            }
        }

        foreach (var number in decision.Start)
        {
            _slots.Add(new ChildSlot($"{fleet.Split('/')[1]}-{_plan!.Backend}-{number}", number, _specHash));
        }
    }

    private void Start(ChildSlot slot, DateTimeOffset now, HashSet<int> takenPorts)
    {
        if (_plan is null || slot.SpecHash != _specHash)
        {
            // Nobody wants it any more, and it has no process.
            slot.Stop(now, now);
            return;
        }

        int port;
        try
        {
            port = FreePorts.Find(takenPorts);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            slot.Failed(exception.Message, now);
            host.Say($"{slot.Name} cannot start: {exception.Message}; next try in {(slot.NotBefore - now).TotalSeconds:0.#} s");
            return;
        }

        takenPorts.Add(port);
        var spec = new ProcessSpec
        {
            Name = slot.Name,
            Command = _plan.Command,
            Environment = host.Environment.With([
                new("MOORING_FLEET", fleet),
                new("MOORING_BACKEND", _plan.Backend),
                new("MOORING_NAME", slot.Name),
                new("HOST", "127.0.0.1"),
                .. _plan.Env,
                new("PORT", port.ToString()),
            ]),
        };
        if (_runner.TryStart(slot, spec, port, now))
        {
            _ = ProbeAsync(slot, slot.Process!);
        }
    }

    /// <summary>Ready is what accepts a connection on its port, or has bound it where only datagrams go there: what comes then waits for it.</summary>
    private async Task ProbeAsync(ChildSlot slot, ChildProcess process)
    {
        var udp = _plan?.UdpOnly == true;
        while (!process.Exited.IsCompleted)
        {
            using var limit = new CancellationTokenSource(ProbeTimeout, host.Time);
            try
            {
                if (udp ? UdpPorts.IsBound(slot.Port) : await FreePorts.AcceptsAsync(slot.Port, limit.Token))
                {
                    host.Post(() =>
                    {
                        if (slot.Process == process && slot.Phase == SlotPhase.Starting)
                        {
                            slot.Ready(host.Time.GetUtcNow());
                        }
                    });
                    return;
                }
            }
            catch (OperationCanceledException)
            {
                // Neither accepted nor refused: it is busy.
            }

            await Task.Delay(ProbePause, host.Time);
        }
    }

    private static string Hash(WorkloadPlan plan) =>
        Convert.ToHexStringLower(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(
                    string.Join('\0', [.. plan.Command, "", .. plan.Env.Select(static pair => $"{pair.Key}={pair.Value}")])
                )
            )
        )[..16];
}
