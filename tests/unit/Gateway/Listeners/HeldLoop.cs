using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>A loop that is held between two turns, until this is disposed: what happens meanwhile comes to it in one turn, in its order.</summary>
internal sealed class HeldLoop : IDisposable
{
    private readonly ManualResetEventSlim _over = new();

    public static async Task<HeldLoop> BeginAsync(EventLoop loop)
    {
        var held = new HeldLoop();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(() =>
        {
            begun.SetResult();
            held._over.Wait(EngineHarness.Patience);
        });
        await begun.Task.WaitAsync(EngineHarness.Patience);
        return held;
    }

    public void Dispose() => _over.Set();
}
