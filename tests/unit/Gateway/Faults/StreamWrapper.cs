using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Listeners.Tls;
using Mooring.Gateway.Tests.Transport.Tls;

namespace Mooring.Gateway.Tests.Faults;

/// <summary>What client and backend put around their bytes, and what the gateway needs in its config for that.</summary>
internal sealed record StreamWrapper
{
    public static readonly StreamWrapper Plain = new();

    /// <summary>Of a client, over its connection to the gateway.</summary>
    public Func<NetworkStream, CancellationToken, Task<Stream>> Client { get; private init; } =
        static (stream, _) => Task.FromResult<Stream>(stream);

    /// <summary>Of the backend, over a connection from the gateway.</summary>
    public Func<NetworkStream, Task<Stream>> Server { get; private init; } = Task.FromResult<Stream>;

    public Func<GatewayConfig, GatewayConfig> Configure { get; private init; } = static config => config;

    /// <summary>TLS of .NET's own on one side of the gateway or on both.</summary>
    public static StreamWrapper Tls(TlsHarness harness, bool client, bool backend)
    {
        var pair = harness.BackendPair();
        var listenerTls = harness.ServerTls();
        var wrapper = new StreamWrapper
        {
            Configure = config =>
                config with
                {
                    Listeners = [config.Listeners[0] with { Tls = client ? listenerTls : null }],
                    Backends = [config.Backends[0] with { Tls = backend ? harness.ClientTls() : null }],
                },
        };
        wrapper = !client ? wrapper : wrapper with { Client = async (stream, _) => await TlsStreams.OverAsync(stream, harness.Authority) };
        return !backend
            ? wrapper
            : wrapper with
            {
                Server = async stream =>
                {
                    var tls = new SslStream(stream);
                    await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = pair.Certificate });
                    return tls;
                },
            };
    }

    /// <summary>TLS of .NET's own from end to end, which the gateway leads by its server name and leaves as it is.</summary>
    public static StreamWrapper PassedThrough(TlsHarness harness)
    {
        var (ends, name) = (Tls(harness, client: true, backend: true), "backend.example.com");
        var tls = new TlsListenerConfig
        {
            Mode = TlsMode.Passthrough,
            Routes = [new ServerNameRouteConfig { ServerNames = ["*.example.com"], Backend = "relay" }],
        };
        return ends with
        {
            Client = async (stream, _) => await TlsStreams.OverAsync(stream, harness.Authority, name),
            Configure = config => config with { Listeners = [config.Listeners[0] with { Backend = null, Tls = tls }] },
        };
    }

    /// <summary>A PROXY header before all else, from the client to the gateway, and one of the gateway's own to the backend, which must say the same.</summary>
    public StreamWrapper Proxied(ProxyProtocolVersion version)
    {
        var inner = this;
        return inner with
        {
            Client = async (stream, cancel) =>
            {
                await stream.WriteAsync(ProxyHeaders.Write(version), cancel);
                return await inner.Client(stream, cancel);
            },
            Server = async stream =>
            {
                await ProxyHeaders.ReadAsync(stream);
                return await inner.Server(stream);
            },
            Configure = config =>
            {
                config = inner.Configure(config);
                var from = new ProxyProtocolConfig { Trusted = ["127.0.0.0/8"], Timeout = TimeSpan.FromSeconds(30) };
                var to = new BackendProxyProtocolConfig { Version = version };
                return config with
                {
                    Listeners = [config.Listeners[0] with { ProxyProtocol = from }],
                    Backends = [config.Backends[0] with { ProxyProtocol = to }],
                };
            },
        };
    }

    /// <summary>Ends the sending direction: a FIN, or TLS's close_notify.</summary>
    public Task EndWriting(Stream stream, Socket socket)
    {
        if (stream is SslStream tls)
        {
            return TlsStreams.EndWritingAsync(tls);
        }

        socket.Shutdown(SocketShutdown.Send);
        return Task.CompletedTask;
    }

    /// <summary>One connection of the backend.</summary>
    public async Task ServeAsync(Socket socket, ConcurrentDictionary<int, Received> received)
    {
        try
        {
            await using var stream = await Server(new NetworkStream(socket));
            await Transfer.ServeAsync(stream, () => EndWriting(stream, socket), received);
        }
        catch (Exception error) when (error is IOException or AuthenticationException)
        {
            // Cut while it was wrapped or closed.
        }
    }
}
