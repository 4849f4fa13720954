using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Mooring.Kubernetes.Tests.LeaderElection;

/// <summary>What is in an API server's place and does with each connection what none should.</summary>
internal sealed class BrokenServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Authority _authority = new("CN=authority");
    private readonly Task _accepting;
    private int _connections;

    private BrokenServer(string scheme, Func<BrokenServer, Socket, CancellationToken, Task> serve)
    {
        _listener.Start();
        Address = new Uri($"{scheme}://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync(serve);
    }

    /// <summary>The ways in which it can be broken, by a name for each.</summary>
    public static IReadOnlyList<string> Ways { get; } =
    [
        "resets",
        "closes",
        "says nothing",
        "no HTTP",
        "half a head",
        "half a body",
        "half a body, then resets",
        "a bad chunk",
        "a length that is none",
        "204",
        "302",
        "101",
        "TLS: plain text",
        "TLS: resets in the handshake",
        "TLS: of another authority",
        "TLS: half a record",
        "HTTP/2: no frame",
        "HTTP/2: goes away",
        "HTTP/2: resets the stream",
    ];

    public Uri Address { get; }

    public Authority Authority => _authority;

    /// <summary>Connections so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    public static BrokenServer Start(string way) =>
        way switch
        {
            "resets" => new("http", static (_, socket, _) => Reset(socket)),
            "closes" => new("http", static (_, _, _) => Task.CompletedTask),
            "says nothing" => new("http", static (_, _, stop) => Task.Delay(Timeout.Infinite, stop)),
            "no HTTP" => Answering("SSH-2.0-OpenSSH_9.9\r\n"),
            "half a head" => Answering("HTTP/1.1 200 OK\r\nContent-Ty"),
            "half a body" => Answering("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"kind\":"),
            "half a body, then resets" => Answering("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"kind\":", resets: true),
            "a bad chunk" => Answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
            "a length that is none" => Answering("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}"),
            "204" => Answering("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
            "302" => Answering("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            "101" => Answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
            "TLS: plain text" => new("https", static (_, socket, stop) => SendAsync(socket, "HTTP/1.1 400 Bad Request\r\n\r\n", stop)),
            "TLS: resets in the handshake" => new(
                "https",
                static async (_, socket, stop) =>
                {
                    await socket.ReceiveAsync(new byte[16], stop);
                    await Reset(socket);
                }
            ),
            "TLS: of another authority" => Tls(static (_, _) => Task.CompletedTask, isKnown: false),
            "TLS: half a record" => Tls(
                static async (stream, stop) => await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"u8.ToArray(), stop),
                protocol: SslApplicationProtocol.Http11
            ),
            "HTTP/2: no frame" => Tls(static async (stream, stop) => await stream.WriteAsync(new byte[64], stop)),
            "HTTP/2: goes away" => Frames([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]),
            "HTTP/2: resets the stream" => Frames([0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2]),
            _ => throw new ArgumentOutOfRangeException(nameof(way), way, null),
        };

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _authority.Dispose();
        _stop.Dispose();
    }

    private static BrokenServer Answering(string text, bool resets = false) =>
        new(
            "http",
            async (_, socket, stop) =>
            {
                await socket.ReceiveAsync(new byte[16 * 1024], stop);
                await SendAsync(socket, text, stop);
                if (resets)
                {
                    await Reset(socket);
                }
            }
        );

    private static BrokenServer Frames(byte[] frame) =>
        Tls(
            async (stream, stop) =>
            {
                // Its settings, and once the client has spoken, what ends it.
                await stream.WriteAsync(new byte[] { 0, 0, 0, 4, 0, 0, 0, 0, 0 }, stop);
                _ = await stream.ReadAtLeastAsync(new byte[16 * 1024], 64, throwOnEndOfStream: false, stop);
                await stream.WriteAsync(frame, stop);
                _ = await stream.ReadAtLeastAsync(new byte[16 * 1024], 16, throwOnEndOfStream: false, stop);
            }
        );

    private static BrokenServer Tls(
        Func<SslStream, CancellationToken, Task> serve,
        bool isKnown = true,
        SslApplicationProtocol? protocol = null
    ) =>
        new(
            "https",
            async (server, socket, stop) =>
            {
                using var other = new Authority("CN=another");
                using var certificate = (isKnown ? server._authority : other).Issue("api.test", IPAddress.Loopback);
                await using var stream = new SslStream(new NetworkStream(socket));
                await stream.AuthenticateAsServerAsync(
                    new SslServerAuthenticationOptions
                    {
                        ServerCertificate = certificate,
                        ApplicationProtocols = [protocol ?? SslApplicationProtocol.Http2],
                    },
                    stop
                );
                await serve(stream, stop);
            }
        );

    private static async Task SendAsync(Socket socket, string text, CancellationToken stop)
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes(text), stop);
        socket.Shutdown(SocketShutdown.Send);
    }

    private static Task Reset(Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        return Task.CompletedTask;
    }

    private async Task AcceptAsync(Func<BrokenServer, Socket, CancellationToken, Task> serve)
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                serving.Add(ServeAsync(await _listener.AcceptSocketAsync(_stop.Token), serve));
                Interlocked.Increment(ref _connections);
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket socket, Func<BrokenServer, Socket, CancellationToken, Task> serve)
    {
        using (socket)
        {
            try
            {
                await serve(this, socket, _stop.Token);
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                // The client has had enough of it.
            }
        }
    }
}
