using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Listeners;

/// <summary>Adds up what the loops count, while they count: each figure is exact, all of them together are not of one moment.</summary>
internal static unsafe class LoadReader
{
    private static readonly CloseReason[] Reasons = Enum.GetValues<CloseReason>();

    /// <param name="engine">The shared state.</param>
    /// <param name="loops">The loops.</param>
    /// <param name="receiveDrops">Datagrams that the kernel dropped of a port's sockets.</param>
    public static IReadOnlyList<ListenerLoad> Listeners(EngineState engine, IReadOnlyList<RelayLoop> loops, Func<int, long> receiveDrops)
    {
        var result = new List<ListenerLoad>();
        foreach (var listener in engine.Listeners)
        {
            // A removed one shows until its last connection has ended.
            if (listener.Setup is null && listener.Connections.InUse == 0)
            {
                continue;
            }

            var sum = Sum(loops, loop => (nint)(&loop.Counters[listener.Index]->Traffic));
            var shaking = loops.Sum(loop => Volatile.Read(ref loop.Counters[listener.Index]->Handshakes));
            var securing = loops.Sum(loop => Volatile.Read(ref loop.Counters[listener.Index]->Securing));
            result.Add(
                new ListenerLoad
                {
                    Name = listener.Name,
                    Connections = listener.Connections.InUse,
                    AcceptedTotal = sum.Connections,
                    RefusedTotal = Enum.GetValues<RefusalReason>()
                        .Select(reason => (reason, count: listener.Refused(reason)))
                        .Where(refused => refused.count > 0)
                        .ToDictionary(refused => RefusalReasons.Name(refused.reason), refused => refused.count),
                    ReceivedBytesTotal = sum.Received,
                    SentBytesTotal = sum.Sent,
                    BandwidthPausesTotal = loops.Sum(loop => Volatile.Read(ref loop.Counters[listener.Index]->Pauses)),
                    MessagesTotal = loops.Sum(loop => loop.Counters[listener.Index]->Messages),
                    Traffic = sum.Load,
                    // Counted at different moments while they change.
                    Tls = listener.Tls.Read(Math.Max(0, shaking), Math.Max(0, securing - shaking)),
                    Datagrams = DatagramLoads.Read(listener, loops, receiveDrops),
                }
            );
        }

        return result;
    }

    /// <summary>To be called while no endpoint comes or goes: one that is on its way out would be in neither place.</summary>
    public static IReadOnlyList<BackendLoad> Backends(EngineState engine, IReadOnlyList<RelayLoop> loops)
    {
        var now = Transport.EventLoop.Clock();
        // A report has an end: beyond it they are not told.
        var gone = engine
            .Endpoints.Leaving.Take(EndpointResolver.MaxEndpoints)
            .ToLookup(static endpoint => endpoint.Backend, StringComparer.Ordinal);
        return [.. engine.Backends.Values.Select(backend => Load(backend, gone[backend.Name], loops, now))];
    }

    private static BackendLoad Load(BackendState backend, IEnumerable<EndpointState> gone, IReadOnlyList<RelayLoop> loops, long now)
    {
        var sum = Sum(loops, loop => (nint)loop.Counters.Backend(backend.Index));
        return new BackendLoad
        {
            Name = backend.Name,
            Tls = backend.Tls.Totals.Read(),
            Queue = backend.Config.Features.Queue is null ? null : backend.Queue.Read(),
            Breaker = backend.Breaker?.Read(now),
            RetriesTotal = backend.Retries.Taken,
            RetriesDeniedTotal = backend.Retries.Denied,
            Endpoints = Endpoints(backend, gone, now),
            ReceivedBytesTotal = sum.Received,
            SentBytesTotal = sum.Sent,
            Traffic = sum.Load,
        };
    }

    private static List<EndpointLoad> Endpoints(BackendState backend, IEnumerable<EndpointState> gone, long now)
    {
        // One that was known by its address, and one that a push names, may bear the same id.
        var left = gone.GroupBy(static endpoint => endpoint.Id, StringComparer.Ordinal)
            .ToDictionary(
                static same => same.Key,
                static same => same.Sum(static endpoint => endpoint.Connections),
                StringComparer.Ordinal
            );
        var loads = backend
            .Set.Endpoints.Select(endpoint => new EndpointLoad
            {
                Id = endpoint.Id,
                Connections = endpoint.Connections + (left.Remove(endpoint.Id, out var more) ? more : 0),
                ConnectsTotal = endpoint.ConnectsTotal,
                FailuresTotal = endpoint.FailuresTotal,
                Healthy = endpoint.IsHealthy(now),
                Backup = endpoint.Target.Backup,
                Check = endpoint.ReadChecks(),
                Breaker = endpoint.Breaker is { } own && own != backend.Breaker ? own.Read(now) : null,
            })
            .ToList();
        loads.AddRange(
            left.Where(static one => one.Value > 0)
                .OrderBy(static one => one.Key, StringComparer.Ordinal)
                .Take(Math.Max(0, EndpointResolver.MaxEndpoints - loads.Count))
                .Select(static one => new EndpointLoad
                {
                    Id = one.Key,
                    Gone = true,
                    Connections = one.Value,
                    Healthy = false,
                })
        );
        return loads;
    }

    private static (long Connections, long Received, long Sent, TrafficLoad Load) Sum(
        IReadOnlyList<RelayLoop> loops,
        Func<RelayLoop, nint> totalsOf
    )
    {
        long connections = 0,
            received = 0,
            sent = 0;
        Span<long> closed = stackalloc long[TrafficTotals.MaxReasons];
        var connect = new DurationSum(DurationBounds.Latency);
        var firstByte = new DurationSum(DurationBounds.Latency);
        var session = new DurationSum(DurationBounds.Session);
        foreach (var loop in loops)
        {
            var totals = (TrafficTotals*)totalsOf(loop);
            connections += Volatile.Read(ref totals->Connections);
            received += Volatile.Read(ref totals->Received);
            sent += Volatile.Read(ref totals->Sent);
            connect.Add(&totals->Connect);
            firstByte.Add(&totals->FirstByte);
            session.Add(&totals->Session);
            foreach (var reason in Reasons)
            {
                closed[(int)reason] += Volatile.Read(ref totals->Closed[(int)reason]);
            }
        }

        var byReason = new Dictionary<string, long>();
        foreach (var reason in Reasons)
        {
            if (closed[(int)reason] > 0)
            {
                byReason.Add(AccessLines.Name(reason), closed[(int)reason]);
            }
        }

        var load = new TrafficLoad
        {
            ClosedTotal = byReason,
            Connect = connect.Load(),
            FirstByte = firstByte.Load(),
            Session = session.Load(),
        };
        return (connections, received, sent, load);
    }

    /// <summary>One distribution over all loops.</summary>
    private sealed class DurationSum(long[] bounds)
    {
        private readonly long[] _counts = new long[bounds.Length + 1];
        private long _microseconds;

        public void Add(DurationHistogram* histogram) => _microseconds += histogram->AddTo(_counts);

        public DurationLoad Load() =>
            Array.TrueForAll(_counts, static count => count == 0)
                ? new DurationLoad()
                : new DurationLoad { Counts = _counts, SumSeconds = _microseconds / 1e6 };
    }
}
