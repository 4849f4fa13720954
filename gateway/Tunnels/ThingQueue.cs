using Mooring.Gateway.Registry;

namespace Mooring.Gateway.Tunnels;

/// <summary>What the registry is asked about one thing goes there in the order in which it was asked, one after the other. Thread-safe.</summary>
/// <remarks>This gateway's claims of a thing all have one fence, so a release that came late would take the thing from the tunnel after.</remarks>
internal sealed class ThingQueue
{
    private readonly Lock _gate = new();
    private readonly Dictionary<OwnedThing, Task> _last = [];

    /// <summary>Asks in its turn; the place is taken when this returns.</summary>
    public async Task<T> RunAsync<T>(OwnedThing thing, Func<Task<T>> ask)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task? before;
        lock (_gate)
        {
            before = _last.GetValueOrDefault(thing);
            _last[thing] = done.Task;
        }

        try
        {
            await (before ?? Task.CompletedTask);
            return await ask();
        }
        finally
        {
            lock (_gate)
            {
                if (_last[thing] == done.Task)
                {
                    _last.Remove(thing);
                }
            }

            done.SetResult();
        }
    }

    /// <inheritdoc cref="RunAsync{T}"/>
    public Task RunAsync(OwnedThing thing, Func<Task> ask) =>
        RunAsync(
            thing,
            async () =>
            {
                await ask();
                return true;
            }
        );
}
