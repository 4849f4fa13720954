using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Draining;

/// <summary>Has the engine's raw connections probed sooner while a gateway drains, so that a peer who is gone without a word does not hold it until the deadline.</summary>
/// <param name="engine">Whose connections these are.</param>
/// <param name="options">Keepalive meanwhile, where the config's is not sooner.</param>
internal sealed class HalfOpenSearch(GatewayEngine engine, KeepAliveOptions options)
{
    private bool _searches;
    private Task _running = Task.CompletedTask;

    /// <summary>Goes over what is open; those that were probed before cost next to nothing. Returns at once, and does nothing where the last call is not through.</summary>
    public void Search(IReadOnlyList<OpenConnection> open)
    {
        if (_running.IsCompleted)
        {
            _searches = true;
            _running = engine.ProbeAsync(open, options);
        }
    }

    /// <summary>Gives all of them the keepalive that they had, once the search under way is through. Returns at once.</summary>
    public void Stop()
    {
        if (_searches)
        {
            _searches = false;
            _running = StopAsync(_running);
        }
    }

    private async Task StopAsync(Task search)
    {
        await search.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await engine.StopProbingAsync();
    }
}
