using Mooring.Contracts.Stream;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Scaling;

/// <summary>A fleet, its cluster and its clients, as far as the sequence can tell: one second a turn, chance by a seed.</summary>
/// <remarks>
/// The cluster removes pods in Kubernetes' own order, knowing nothing of the sequence, between any two writes of the operator, and it may act on what was
/// asked for before. Clients that are closed come back at once, to a gateway that serves.
/// </remarks>
internal sealed class SimulatedFleet(int seed, int wanted, int connections, int? minFreePercent = null)
{
    public const int Capacity = 1000;
    public const int Rate = 50;
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);
    private readonly Random _random = new(seed);

    // Gateways that are on their way out stop being ready, when the kubelet has noticed; backends' pods never do.
    private readonly bool _unready = seed % 2 == 0;
    private readonly List<Pod> _pods = [];
    private readonly Dictionary<string, int> _replicas = new(StringComparer.Ordinal);

    // Of the ReplicaSets, which follow their Deployments when the cluster has come to it.
    private readonly Dictionary<string, int> _inForce = new(StringComparer.Ordinal);
    private int _names;

    public DateTimeOffset Now { get; private set; } = DateTimeOffset.UnixEpoch;

    public string Revision { get; set; } = "a";

    public int Wanted { get; set; } = wanted;

    /// <summary>How many pods were made and ended, and clients closed, for judging what was needless.</summary>
    public int Made { get; private set; }

    public int Closed { get; private set; }

    public int MostClosedInASecond { get; private set; }

    public List<string> Faults { get; } = [];

    public IReadOnlyList<Pod> Pods => _pods;

    public bool PodsStart { get; set; } = true;

    /// <summary>Writes that the leader still does before it dies, be it in the middle of a step; null: it lives.</summary>
    public int? WritesLeft { get; set; }

    /// <summary>Writes so far: a mark, or the replicas of one revision.</summary>
    public int Writes { get; private set; }

    public static SequencePace Pace(int? minFreePercent = null) =>
        new()
        {
            LameDuck = TimeSpan.FromSeconds(3),
            Deadline = TimeSpan.FromSeconds(60),
            MinFreePercent = minFreePercent,
            MinReady = TimeSpan.FromSeconds(2),
        };

    /// <summary>How many of a revision were asked for last.</summary>
    public int Asked(string revision) => _replicas.GetValueOrDefault(revision);

    /// <summary>The clock that all go by is set.</summary>
    public void SetClock(TimeSpan by) => Now += by;

    /// <summary>Starts settled: as many as wanted serve, with the connections evenly on them.</summary>
    public SimulatedFleet Settle()
    {
        _replicas[Revision] = _inForce[Revision] = Wanted;
        foreach (var _ in Enumerable.Range(0, Wanted))
        {
            Make(Revision).Stage = GatewayStage.Ready;
        }

        Spread(connections);
        return this;
    }

    public SequenceInput See() =>
        new()
        {
            Now = Now,
            Wanted = Wanted,
            Revision = Revision,
            Groups =
            [
                .. _replicas.Select(pair => new RevisionGroup(
                    pair.Key,
                    pair.Value,
                    Living(pair.Key).Count,
                    _inForce.GetValueOrDefault(pair.Key) == pair.Value
                )),
            ],
            Gateways = [.. _pods.Select(static pod => pod.See())],
            Pace = Pace(minFreePercent),
        };

    /// <summary>One second: the operator looks and does, the gateways close what they may, the cluster makes and removes pods.</summary>
    public SequenceStep Step(bool isLed = true)
    {
        var step = DrainSequence.Decide(See());
        if (isLed)
        {
            Do(step);
        }

        Close();
        RunCluster();
        Now += Turn;
        return step;
    }

    public void Do(SequenceStep step)
    {
        foreach (var change in step.Marks)
        {
            if (!MayWrite())
            {
                return;
            }

            // Its pod may have gone since the step was thought of: then the write finds none.
            if (_pods.Find(pod => pod.Name == change.Gateway) is { } pod)
            {
                pod.Mark = change.After;
            }

            Remove();
        }

        foreach (var target in step.Targets)
        {
            if (target.Replicas < 0)
            {
                Faults.Add($"{Now:T} {target.Replicas} replicas of {target.Revision}");
            }

            if (_replicas.GetValueOrDefault(target.Revision, -1) != target.Replicas)
            {
                if (!MayWrite())
                {
                    return;
                }

                _replicas[target.Revision] = target.Replicas;
                Remove();
            }
        }
    }

    private bool MayWrite()
    {
        if (WritesLeft == 0)
        {
            return false;
        }

        WritesLeft--;
        Writes++;
        return true;
    }

    /// <summary>A pod dies with all its connections, which come back elsewhere.</summary>
    public void KillOne()
    {
        if (_pods.Count > 0)
        {
            var pod = _pods[_random.Next(_pods.Count)];
            _pods.Remove(pod);
            Spread(pod.Connections);
        }
    }

    /// <summary>Clients come and go by themselves.</summary>
    public void Drift()
    {
        foreach (var pod in _pods.Where(static pod => pod is { Stage: GatewayStage.Ready, Mark: null }))
        {
            pod.Connections = Math.Clamp(pod.Connections + _random.Next(-5, 6), 0, Capacity);
        }
    }

    public bool IsSettled =>
        Living(Revision).Count == Wanted
        && _pods.Count == Wanted
        && _pods.All(static pod => pod.Mark is null && pod.Stage == GatewayStage.Ready)
        && _replicas.All(pair => pair.Value == (pair.Key == Revision ? Wanted : 0));

    public int Ready => _pods.Count(static pod => pod is { Stage: GatewayStage.Ready, Mark: null });

    private List<Pod> Living(string revision) => [.. _pods.Where(pod => pod.Revision == revision && pod.Stage != GatewayStage.Terminating)];

    private Pod Make(string revision)
    {
        var pod = new Pod($"{revision}-{_names++}", revision, Now);
        _pods.Add(pod);
        Made++;
        return pod;
    }

    private void Close()
    {
        var draining = _pods.Where(pod => pod.Closes(Now) && pod.Connections > 0).ToList();
        var shares = PaceShares.Divide(
            [.. draining.Select(static pod => new PacedGateway(pod.Name, pod.Connections, pod.InForce, true))],
            Rate
        );
        _pods.ForEach(pod => pod.InForce = draining.Contains(pod) ? shares.GetValueOrDefault(pod.Name) : 0);
        var closed = 0;
        foreach (var pod in draining)
        {
            pod.Budget += pod.InForce;
            var now = Math.Min(pod.Connections, (int)pod.Budget);
            pod.Budget = (pod.Budget - now) % 1;
            pod.Connections -= now;
            closed += now;
            if (Now >= pod.EndsAt)
            {
                // The deadline: what is left goes, and that is not the pace's matter.
                Spread(pod.Connections);
                pod.Connections = 0;
            }
        }

        Closed += closed;
        MostClosedInASecond = Math.Max(MostClosedInASecond, closed);
        Spread(closed);
    }

    private void RunCluster()
    {
        foreach (var pod in _pods.Where(static pod => pod is { Stage: GatewayStage.Terminating, Connections: 0 }).ToList())
        {
            _pods.Remove(pod);
        }

        foreach (var pod in _pods.Where(static pod => pod.Stage != GatewayStage.Terminating))
        {
            pod.Stage =
                pod.Mark is not null && pod.Stage == GatewayStage.Ready && _unready ? GatewayStage.NotReady
                : pod.Mark is null && pod.Stage != GatewayStage.Ready && PodsStart && _random.Next(3) == 0 ? pod.Stage + 1
                : pod.Stage;
            pod.ReadySince = pod.Stage == GatewayStage.Ready ? pod.ReadySince ?? Now : null;
        }

        foreach (var revision in _replicas.Keys)
        {
            if (_random.Next(3) == 0)
            {
                // The cluster takes its time.
                continue;
            }

            _inForce[revision] = _replicas[revision];
            for (var count = Living(revision).Count; count < _inForce[revision]; count++)
            {
                Make(revision);
            }
        }

        Remove();
    }

    /// <summary>What ReplicaSets do as soon as there are more pods than they want, by what has been brought to them so far.</summary>
    private void Remove()
    {
        foreach (var (revision, replicas) in _inForce)
        {
            if (_random.Next(3) == 0)
            {
                continue;
            }

            // Of equals, those in the same power of two of age, any.
            var living = Living(revision);
            foreach (
                var victim in living
                    .OrderBy(static pod => pod.Stage)
                    .ThenBy(static pod => pod.Mark is { Drained: true } ? -1 : 0)
                    .ThenBy(_ => _random.Next())
                    .Take(Math.Max(0, living.Count - replicas))
            )
            {
                if (victim.Connections > 0 && (victim.Mark?.Deadline is not { } deadline || Now < deadline))
                {
                    Faults.Add($"{Now:T} {victim.Name} was removed with {victim.Connections} connections");
                }

                victim.Stage = GatewayStage.Terminating;
                victim.StoppedAt = Now;
            }
        }
    }

    private void Spread(int count)
    {
        var open = _pods.Where(static pod => pod is { Stage: GatewayStage.Ready, Mark: null }).ToList();
        for (var i = 0; i < count && open.Count > 0; i++)
        {
            open[_random.Next(open.Count)].Connections++;
        }
    }

    internal sealed class Pod(string name, string revision, DateTimeOffset createdAt)
    {
        public string Name => name;

        public string Revision => revision;

        public DateTimeOffset CreatedAt => createdAt;

        public GatewayStage Stage { get; set; }

        public DateTimeOffset? ReadySince { get; set; }

        public DrainMark? Mark { get; set; }

        public GatewayHold? Hold { get; set; }

        public int Connections { get; set; }

        public double InForce { get; set; }

        public double Budget { get; set; }

        public DateTimeOffset? StoppedAt { get; set; }

        public DateTimeOffset EndsAt => Mark?.Deadline ?? (StoppedAt + Pace().Deadline) ?? DateTimeOffset.MaxValue;

        public bool Closes(DateTimeOffset now) => StoppedAt is not null || Mark?.DrainStartedAt <= now;

        public SequenceGateway See() =>
            new()
            {
                Name = name,
                Revision = revision,
                Stage = Stage,
                CreatedAt = createdAt,
                ReadySince = ReadySince,
                Mark = Mark,
                Hold = Hold,
                Load =
                    Stage < GatewayStage.NotReady
                        ? null
                        : new GatewayLoad(
                            Connections,
                            Capacity,
                            Mark is null ? GatewayState.Serving
                                : Mark.DrainStartedAt is null ? GatewayState.Cordoned
                                : Connections == 0 ? GatewayState.Drained
                                : GatewayState.Draining
                        ),
            };
    }
}
