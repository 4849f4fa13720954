using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Gateway.Tests.WebSockets.Messages;

namespace Mooring.Gateway.Tests.Hub.Listening;

/// <summary>What a Hub listener counts of its clients' traffic, on real sockets.</summary>
public sealed class HubTrafficTests
{
    [Fact]
    public async Task Messages_AreCountedWithoutControlFrames()
    {
        await using var gateway = await ProxyGateway.StartAsync(
            new WebSocketListenerConfig
            {
                Mode = WebSocketMode.Hub,
                Hub = new HubConfig { Anonymous = true },
            },
            backend: null
        );
        var frames = new[]
        {
            ClientFrames.Text(0x81, """{"id":1,"connect":{}}"""),
            ClientFrames.Frame(0x89, "ping"u8),
            ClientFrames.Frame(0x8A, "pong"u8),
            ClientFrames.Frame(0x88, [0x03, 0xE8]),
        };

        var answer = await gateway.AskAsync(
            $"GET / HTTP/1.1\r\n{Requests.Upgrade}\r\n{string.Concat(frames.Select(Encoding.Latin1.GetString))}"
        );

        answer.ShouldContain("\"connect\":{\"client\":");
        answer.ShouldContain("\u0004ping");
        gateway.Engine.ListenerLoads()[0].MessagesTotal.ShouldBe(2, "the connect and its reply");
    }
}
