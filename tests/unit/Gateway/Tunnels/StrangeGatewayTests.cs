using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>The client of <c>gateway tunnel</c> when who answers speaks another protocol, or none.</summary>
public sealed class StrangeGatewayTests
{
    private const string Opened = """{"Opened":{"key":"k","tunnel":"t","gateway":"g","ports":[{"protocol":"Tcp","port":1}]}}""" + "\0";

    [Theory]
    [InlineData("[]\0", false)]
    [InlineData("5\0", false)]
    [InlineData("null\0", false)]
    [InlineData("{\"Challenge\":5}\0", true)]
    [InlineData("{\"Challenge\":\"\\ud800\"}\0", true)]
    [InlineData("{\"Opened\":{\"key\":\"k\",\"tunnel\":\"t\",\"gateway\":\"g\",\"ports\":[]}}\0", false)]
    [InlineData("{\"Opened\":{\"key\":\"k\",\"tunnel\":\"t\",\"gateway\":\"g\",\"ports\":[null]}}\0", false)]
    [InlineData(Opened + "7\0", false)]
    [InlineData(Opened + "[]\0", false)]
    [InlineData(Opened + "{\"Error\":\"\\ud800\"}\0", false)]
    public async Task WhateverItSays_TheClientCallsItLost(string says, bool secret)
    {
        using var gateway = new TcpListener(IPAddress.Loopback, 0);
        gateway.Start();
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)gateway.LocalEndpoint).Port,
            Locals = [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", 1, 0, null)],
            Secret = secret ? "words" : null,
            Once = true,
        };
        var lines = new StringWriter();
        var client = new TunnelClient(options, new TunnelOutput(lines, json: true, TimeProvider.System), TimeProvider.System);
        var running = client.RunAsync(CancellationToken.None);
        using var far = await gateway.AcceptSocketAsync();
        await far.SendAsync(Encoding.UTF8.GetBytes(says));
        (await running.WaitAsync(TunnelRig.Patience)).ShouldBe(1, lines.ToString());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FilesThatMayNotBeRead_AreSaidAndTriedAgain(bool authority)
    {
        using var gateway = new TcpListener(IPAddress.Loopback, 0);
        gateway.Start();
        // What may be read by everybody but a directory.
        var folder = Path.GetTempPath();
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)gateway.LocalEndpoint).Port,
            Locals = [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", 1, 0, null)],
            Tls = true,
            CaFile = authority ? folder : null,
            OwnCertificate = authority ? null : (folder, folder),
            Once = true,
        };
        var lines = new StringWriter();
        var client = new TunnelClient(options, new TunnelOutput(lines, json: false, TimeProvider.System), TimeProvider.System);

        (await client.RunAsync(CancellationToken.None).WaitAsync(TunnelRig.Patience)).ShouldBe(1);

        lines.ToString().ShouldContain(authority ? "lost: --ca: " : "lost: --cert, --key: ");
    }
}
