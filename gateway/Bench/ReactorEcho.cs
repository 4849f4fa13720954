using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Deflate;

namespace Mooring.Gateway.Bench;

/// <summary><c>gateway bench echo --websocket --reactor</c>: an engine as <c>gateway serve</c> has it, whose clients get back what they send.</summary>
internal static class ReactorEcho
{
    public static async Task<int> RunAsync(
        IPEndPoint endPoint,
        ReactorOptions options,
        TextWriter output,
        TextWriter error,
        CancellationToken stop
    )
    {
        await using var engine = new GatewayEngine(
            new EngineOptions
            {
                Loops = options.Loops,
                BindAddress = endPoint.Address,
                Upgrades = static listener => new ProxyUpgradeHandler(listener),
                Echoes = true,
                EchoDeflate = options.Deflate,
            }
        );
        var applied = await engine.ApplyConfigAsync(
            Config(endPoint.Port, options, ProcessLimits.ConnectionsFor(engine.OpenFiles, each: 1))
        );
        foreach (var problem in applied.Errors)
        {
            await error.WriteLineAsync(problem);
        }

        if (applied.Errors.Count > 0)
        {
            return 2;
        }

        await output.WriteLineAsync($"listening on {endPoint} (WebSocket echo on {options.Loops} event loops)");
        await output.FlushAsync(CancellationToken.None);
        try
        {
            await Task.Delay(Timeout.Infinite, stop);
        }
        catch (OperationCanceledException)
        {
            // Told to stop: the engine ends with its connections.
        }

        return 0;
    }

    internal static GatewayConfig Config(int port, ReactorOptions options, int connections) =>
        new()
        {
            Fleet = "bench/echo",
            Capacity = new CapacityConfig { MaxConnections = connections },
            Listeners =
            [
                new ListenerConfig
                {
                    Name = "echo",
                    Protocol = ListenerProtocol.WebSocket,
                    Port = port,
                    Tls = options.Certificate is null
                        ? null
                        : new TlsListenerConfig
                        {
                            Certificates =
                            [
                                new CertificateConfig
                                {
                                    Name = "echo",
                                    CertificateFile = options.Certificate,
                                    KeyFile = options.Key!,
                                },
                            ],
                        },
                    // A listener that has no backend; the Hub itself gets no client.
                    WebSocket = new WebSocketListenerConfig
                    {
                        Mode = WebSocketMode.Hub,
                        Hub = new HubConfig { Anonymous = true },
                    },
                },
            ],
        };
}

/// <param name="Loops">Event loops.</param>
/// <param name="Certificate">PEM file; null: no TLS.</param>
/// <param name="Key">PEM file of its key.</param>
/// <param name="Deflate">What clients are offered of permessage-deflate; null: nothing.</param>
internal sealed record ReactorOptions(int Loops = 1, string? Certificate = null, string? Key = null, DeflateOptions? Deflate = null);
