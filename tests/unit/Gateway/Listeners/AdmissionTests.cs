using System.Net;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Who is let in, by what the gateway is at.</summary>
public sealed class AdmissionTests
{
    /// <summary>One who was taken off the queue in the moment that accepting paused has nobody else who would serve it.</summary>
    [Theory]
    [InlineData(AcceptMode.Accept, null)]
    [InlineData(AcceptMode.Pause, null)]
    [InlineData(AcceptMode.Refuse, RefusalReason.Draining)]
    public async Task Take_GoesByTheMode(object mode, object? refusal)
    {
        await using var gateway = new EngineHarness();
        await gateway.ApplyAsync(EngineHarness.Config((await gateway.ListenAsync())[0], 9));
        await gateway.Engine.SetModeAsync((AcceptMode)mode);
        var loop = gateway.Engine.Loops[0];
        var address = NetworkAddress.From(IPAddress.Loopback);

        var taken = await loop.InvokeAsync(() =>
        {
            var listener = loop.Engine.Listeners[0];
            var why = loop.Admission.Take(listener, listener.Setup, address, behindProxy: false);
            if (why is null)
            {
                loop.Admission.Release(listener.Index, address);
            }

            return why;
        });

        taken.ShouldBe((RefusalReason?)refusal);
        gateway.Engine.Connections.ShouldBe(0);
    }
}
