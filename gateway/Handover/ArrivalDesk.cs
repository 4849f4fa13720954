using Mooring.Contracts.Handover;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Handover;

/// <summary>Finds the place of connections that another process hands over, and gives them to the loops in turn. Thread-safe.</summary>
/// <remarks>
/// They take their places in every count whatever the limits say: they were admitted already, and limits hold for new connections. A listener
/// or endpoint that this gateway does not have is made up, as one that was removed lives on until its last connection ends.
/// </remarks>
/// <param name="engine">What the loops share.</param>
/// <param name="table">The channels.</param>
/// <param name="loops">Who is to serve them.</param>
/// <param name="endpoints">Lock of the backends' endpoints.</param>
/// <param name="backendIndex">What the counters know a backend of this name by; null: there are too many. Asked under the lock.</param>
internal sealed class ArrivalDesk(
    EngineState engine,
    ChannelTable table,
    IReadOnlyList<RelayLoop> loops,
    Lock endpoints,
    Func<string, ushort?> backendIndex
)
{
    private readonly Dictionary<
        string,
        (EndpointSet Set, Dictionary<string, EndpointState> ById, Dictionary<string, EndpointState> ByAddress)
    > _indexes = [];
    private uint _next;
    private long _settled;

    /// <summary>Connections taken over since the start.</summary>
    public long Settled => Interlocked.Read(ref _settled);

    /// <summary>Takes a connection's place on its endpoint, and its descriptors; null, leaving all to the caller, where it cannot be served here.</summary>
    /// <param name="record">What the other process told; its listener is known here by now.</param>
    /// <param name="descriptors">As many as the record says.</param>
    public Arrival? Admit(MovedRecord record, DescriptorHandle[] descriptors)
    {
        var listener = Array.Find(engine.Listeners, state => state.Name == record.Listener);
        if (listener is null || !Array.TrueForAll(descriptors, descriptor => table.Holds(descriptor.Descriptor)))
        {
            return null;
        }

        if (record is FlowRecord flow && !FlowArrivals.Fit(flow, descriptors))
        {
            return null;
        }

        EndpointState endpoint;
        lock (endpoints)
        {
            if (Find(record) is { } known)
            {
                endpoint = known;
            }
            else if (backendIndex(record.Backend) is { } index)
            {
                endpoint = engine.Endpoints.Remember(record.Backend, record.Endpoint, TargetOf(record), index, EventLoop.Clock());
            }
            else
            {
                return null;
            }

            // Before the lock is gone: what is in no set and has no connection may be forgotten.
            endpoint.AcquireAlways();
        }

        return new Arrival(record, descriptors, listener, endpoint);
    }

    /// <summary>Gives the place back and closes the descriptors: the other process keeps the connection after all.</summary>
    public static void TurnAway(Arrival arrival)
    {
        arrival.Endpoint.Release();
        foreach (var descriptor in arrival.Descriptors)
        {
            descriptor.Dispose();
        }
    }

    /// <summary>Gives the connections to the loops, which serve them from then on.</summary>
    public Task SettleAsync(IReadOnlyList<Arrival> arrivals)
    {
        Interlocked.Add(ref _settled, arrivals.Count);
        return Task.WhenAll(
            arrivals
                .GroupBy(_ => loops[(int)(Interlocked.Increment(ref _next) % (uint)loops.Count)])
                .Select(group =>
                {
                    var some = group.ToList();
                    return group.Key.InvokeAsync(() =>
                    {
                        some.ForEach(arrival => Arrivals.Settle(group.Key, arrival));
                        return true;
                    });
                })
        );
    }

    private EndpointState? Find(MovedRecord record)
    {
        if (!engine.Backends.TryGetValue(record.Backend, out var backend))
        {
            return null;
        }

        if (!_indexes.TryGetValue(record.Backend, out var index) || index.Set != backend.Set)
        {
            var set = backend.Set;
            index = (
                set,
                set.Endpoints.ToDictionary(endpoint => endpoint.Id),
                set.Endpoints.DistinctBy(endpoint => endpoint.Target.Text).ToDictionary(endpoint => endpoint.Target.Text)
            );
            _indexes[record.Backend] = index;
        }

        // One process may know it by DNS, and the other by the name that was pushed.
        return index.ById.GetValueOrDefault(record.Endpoint) ?? index.ByAddress.GetValueOrDefault(record.EndpointAddress.ToString());
    }

    private EndpointTarget TargetOf(MovedRecord record) =>
        new()
        {
            Address = KernelAddress.From(record.EndpointAddress.Address, record.EndpointAddress.Port),
            Text = record.EndpointAddress.ToString(),
            Weight = 1,
            Draining = true,
            MaxConnections = 0,
            MaxFails = 0,
            FailTimeoutMicroseconds = 0,
            // Its drain has an end where the backend says so.
            Features = engine.Backends.GetValueOrDefault(record.Backend)?.Config.Features ?? BackendFeatures.None,
        };
}
