using Mooring.Contracts.Stream;
using Mooring.Gateway.Draining;

namespace Mooring.Gateway.Handover;

/// <summary>Lets a drain hand the connections over to the other gateways of the host, before it closes any.</summary>
/// <remarks>
/// They are found anew all the time: a successor that dies is started again under another name. One that drains itself does not take any, so
/// when all gateways of a host are to end, each drains what it has.
/// </remarks>
/// <param name="pattern">Path of their takeover sockets; the last part may have a *.</param>
/// <param name="own">This gateway's own.</param>
/// <param name="engine">Its config says whether connections are handed over at all.</param>
/// <param name="drain">Says when.</param>
/// <param name="dispatcher">Does it.</param>
internal sealed class SiblingHandover(
    string pattern,
    string? own,
    GatewayEngine engine,
    DrainController drain,
    HandoverDispatcher dispatcher
) : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly SemaphoreSlim _changed = new(0);

    private bool HandsOver => drain.Decision.State == GatewayState.Draining && engine.Snapshot?.Config.Drain.Handover != false;

    /// <summary>Runs until cancelled. Called once.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        drain.StateChanged = _ => OnChange();
        try
        {
            while (true)
            {
                await (HandsOver ? _changed.WaitAsync(Interval, cancel) : _changed.WaitAsync(cancel));
                dispatcher.Direct(HandsOver ? Find() : []);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The gateway ends.
        }
    }

    public void Dispose() => _changed.Dispose();

    private void OnChange()
    {
        // Within the drain's step: not one connection is closed before the others were asked.
        if (HandsOver)
        {
            dispatcher.Direct(Find());
        }

        _changed.Release();
    }

    private IReadOnlyList<string> Find()
    {
        try
        {
            return
            [
                .. Directory
                    .EnumerateFiles(Path.GetDirectoryName(Path.GetFullPath(pattern))!, Path.GetFileName(pattern))
                    .Where(path => path != own)
                    .Order(StringComparer.Ordinal)
                    .Take(HandoverDispatcher.MaxTargets),
            ];
        }
        catch (IOException)
        {
            // The directory is gone: so are they.
            return [];
        }
    }
}
