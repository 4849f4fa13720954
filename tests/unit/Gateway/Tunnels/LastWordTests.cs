using System.Net.Sockets;
using Mooring.Gateway.Tunnels;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>A client of our own that says goodbye and closes with something unread, so that a reset is right behind its word.</summary>
public sealed class LastWordTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Goodbye_WithAResetBehindIt_EndsTheTunnelAtOnce(bool heartbeatIsDue)
    {
        // Who is thought to have been cut off is kept for all of the test.
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel => tunnel with { Grace = TimeSpan.FromMinutes(5) });
        var control = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(control, """{"Open":{"version":1,"ports":[{"protocol":"Tcp","port":0}]}}""");
        await Until.TrueAsync(() => rig.Harness.Engine.Tunnels.Open().Count == 1, TunnelRig.Patience, "the tunnel is open");
        await Until.TrueAsync(() => control.Available > 0, TunnelRig.Patience, "there is something to leave unread");

        // The gateway's loop stands still, and finds word and reset together; perhaps with a heartbeat to send, which is how it learns of the reset then.
        using var stood = new ManualResetEventSlim();
        var loop = rig.Harness.Engine.Loops[0];
        var standing = loop.InvokeAsync(() => stood.Wait(TunnelRig.Patience));
        await BoreClient.SendAsync(control, "\"Bye\"");
        control.Close(0);
        if (heartbeatIsDue)
        {
            await Task.Delay(TunnelDesk.Heartbeat * 2);
        }

        stood.Set();
        (await standing).ShouldBeTrue();
        await rig.NothingLeftAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("\"Heartbeat\"")]
    [InlineData("noise")]
    public async Task Reset_WithoutAGoodbye_KeepsThePortForTheGrace(string last)
    {
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel => tunnel with { Grace = TimeSpan.FromMinutes(5) });
        using var control = await BoreClient.DialAsync(rig.Server, null);
        await BoreClient.SendAsync(control, """{"Open":{"version":1,"ports":[{"protocol":"Tcp","port":0}]}}""");
        await Until.TrueAsync(() => rig.Harness.Engine.Tunnels.Open().Count == 1, TunnelRig.Patience, "the tunnel is open");
        // Before that it would be one that never had a tunnel.
        await Until.TrueAsync(() => control.Available > 0, TunnelRig.Patience, "the client has its answer");
        if (last.Length > 0)
        {
            await BoreClient.SendAsync(control, last);
        }

        control.LingerState = new LingerOption(true, 0);
        control.Close();
        var session = rig.Harness.Engine.Tunnels.Open()[0];
        await Until.TrueAsync(
            async () => await session.Loop.InvokeAsync(() => session.Control) < 0,
            TunnelRig.Patience,
            "the gateway knows that the connection is gone"
        );
        session.IsEnded.ShouldBeFalse();
        rig.Harness.Engine.Tunnels.Open().ShouldHaveSingleItem();
    }
}
