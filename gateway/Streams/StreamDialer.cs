using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Streams;

/// <summary>Opens the stream's WebSocket.</summary>
/// <param name="endpoint">Where to.</param>
/// <param name="keepAlive">A ping is sent after so long without a message from the operator, and one that does not answer it for 10 s (or as long again, where that is less) is left.</param>
internal sealed class StreamDialer(StreamEndpoint endpoint, TimeSpan keepAlive)
{
    /// <summary>Finds an operator that hangs within 70 s. A link that was cut is the kernel's to find, within 20 s: see <see cref="StreamSockets"/>.</summary>
    public static readonly TimeSpan DefaultKeepAlive = TimeSpan.FromSeconds(60);

    private const int MaxTokenBytes = 64 * 1024;
    private static readonly TimeSpan DialTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(10);

    /// <summary>Connects once.</summary>
    /// <exception cref="WebSocketException">No connection, TLS not trusted, or the operator refused.</exception>
    /// <exception cref="IOException">The CA or token file cannot be read.</exception>
    /// <exception cref="TimeoutException">It took longer than 10 s.</exception>
    public async Task<Dialled> DialAsync(CancellationToken cancellation)
    {
        // The handler goes with the connection, so that each dial trusts the CA of its day.
        using var handler = new SocketsHttpHandler { UseProxy = false, ConnectTimeout = DialTimeout };
        handler.ConnectCallback = endpoint.UnixPath is { } path
            ? (_, token) => ConnectUnixAsync(path, token)
            : static (context, token) => StreamSockets.ConnectAsync(context.DnsEndPoint, token);

        if (endpoint.CaFile is { } caFile)
        {
            handler.SslOptions.CertificateChainPolicy = await TrustAsync(caFile, cancellation);
        }

        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol(StreamLimits.Subprotocol);
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = keepAlive;
            socket.Options.KeepAliveTimeout = keepAlive < LongestAnswer ? keepAlive : LongestAnswer;
            if (endpoint.TokenFile is { } tokenFile)
            {
                socket.Options.SetRequestHeader("Authorization", "Bearer " + await ReadTokenAsync(tokenFile, cancellation));
            }

            using var invoker = new HttpMessageInvoker(handler, disposeHandler: false);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(DialTimeout);
            try
            {
                await socket.ConnectAsync(endpoint.Uri, invoker, limit.Token);
            }
            catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
            {
                throw new TimeoutException($"no answer within {DialTimeout.TotalSeconds:0} s", e);
            }

            if (socket.SubProtocol != StreamLimits.Subprotocol)
            {
                throw new WebSocketException($"the peer does not speak {StreamLimits.Subprotocol}");
            }

            var silence =
                socket.HttpResponseHeaders?.TryGetValue(StreamLimits.SilenceHeader, out var said) == true ? said.FirstOrDefault() : null;
            socket.HttpResponseHeaders = null;
            return new Dialled(socket, StreamLimits.QuietInterval(silence));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async ValueTask<Stream> ConnectUnixAsync(string path, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<X509ChainPolicy> TrustAsync(string caFile, CancellationToken cancellation)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(await File.ReadAllTextAsync(caFile, cancellation));
        return policy;
    }

    private static async Task<string> ReadTokenAsync(string file, CancellationToken cancellation)
    {
        if (new FileInfo(file).Length > MaxTokenBytes)
        {
            throw new IOException($"{file} is longer than {MaxTokenBytes} bytes: no token");
        }

        return (await File.ReadAllTextAsync(file, cancellation)).Trim();
    }
}

/// <summary>A stream that stands.</summary>
/// <param name="Socket">The caller's to dispose.</param>
/// <param name="QuietInterval">How often the operator wants to hear of a gateway that has nothing to tell: 20 s to 60 s.</param>
internal readonly record struct Dialled(WebSocket Socket, TimeSpan QuietInterval);
