using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>A loop stands still, as that of a paused gateway does, until this is disposed of.</summary>
internal sealed class Standstill : IAsyncDisposable
{
    private readonly ManualResetEventSlim _go = new();
    private readonly TaskCompletionSource _stands = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task<bool> _standing;

    private Standstill(RelayLoop loop) =>
        _standing = loop.InvokeAsync(() =>
        {
            _stands.SetResult();
            return _go.Wait(TunnelRig.Patience * 2);
        });

    public static async Task<Standstill> OfAsync(RelayLoop loop)
    {
        var standstill = new Standstill(loop);
        await standstill._stands.Task.WaitAsync(TunnelRig.Patience);
        return standstill;
    }

    public async ValueTask DisposeAsync()
    {
        _go.Set();
        (await _standing).ShouldBeTrue("it stood still for as long as it was to");
        _go.Dispose();
    }
}
