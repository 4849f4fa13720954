using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Operator.Run;

namespace Mooring.Operator.Tests.Run;

public sealed class HttpServersTests
{
    [Theory]
    [InlineData("0.0.0.0", "127.0.0.1", "[::1]")]
    [InlineData("::", "127.0.0.1", "[::1]")]
    [InlineData("127.0.0.1", "127.0.0.1")]
    public async Task Health_AtAnAddress_IsReachedByEachThatItIs(string address, params string[] hosts)
    {
        await using var app = HttpServers.Health(
            new IPEndPoint(IPAddress.Parse(address), 0),
            new OperatorHealth(),
            metrics: null,
            NullLoggerFactory.Instance
        );
        await app.StartAsync();
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };

        foreach (var host in hosts)
        {
            (await client.GetStringAsync(new Uri($"http://{host}:{HttpServers.PortOf(app)}/healthz"))).ShouldBe("ok\n");
        }
    }
}
