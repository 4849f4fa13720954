using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits;

namespace Mooring.Gateway.Listeners;

/// <summary>Adds up what the loops count, while they count: each figure is exact, all of them together are not of one moment.</summary>
internal static unsafe class LoadReader
{
    public static IReadOnlyList<ListenerLoad> Listeners(EngineState engine, IReadOnlyList<RelayLoop> loops)
    {
        var result = new List<ListenerLoad>();
        foreach (var listener in engine.Listeners)
        {
            // A removed one shows until its last connection has ended.
            if (listener.Setup is null && listener.Connections.InUse == 0)
            {
                continue;
            }

            long accepted = 0,
                received = 0,
                sent = 0;
            foreach (var loop in loops)
            {
                var totals = loop.Counters[listener.Index];
                accepted += Volatile.Read(ref totals->Accepted);
                received += Volatile.Read(ref totals->Received);
                sent += Volatile.Read(ref totals->Sent);
            }

            result.Add(
                new ListenerLoad
                {
                    Name = listener.Name,
                    Connections = listener.Connections.InUse,
                    AcceptedTotal = accepted,
                    RefusedTotal = Enum.GetValues<RefusalReason>()
                        .Select(reason => (reason, count: listener.Refused(reason)))
                        .Where(refused => refused.count > 0)
                        .ToDictionary(refused => RefusalReasons.Name(refused.reason), refused => refused.count),
                    ReceivedBytesTotal = received,
                    SentBytesTotal = sent,
                }
            );
        }

        return result;
    }

    public static IReadOnlyList<BackendLoad> Backends(EngineState engine)
    {
        var now = Transport.EventLoop.Clock();
        return
        [
            .. engine.Backends.Values.Select(backend => new BackendLoad
            {
                Name = backend.Name,
                Endpoints =
                [
                    .. backend.Set.Endpoints.Select(endpoint => new EndpointLoad
                    {
                        Id = endpoint.Id,
                        Connections = endpoint.Connections,
                        ConnectsTotal = endpoint.ConnectsTotal,
                        FailuresTotal = endpoint.FailuresTotal,
                        Healthy = endpoint.IsHealthy(now),
                    }),
                ],
            }),
        ];
    }
}
