using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>The gateways have said no: trying again the same way may help later, or never.</summary>
internal sealed class TunnelRefusedException(string message) : IOException(message);

/// <summary>One connection to a gateway: dialled, secured, and its messages.</summary>
internal sealed class TunnelWire : IAsyncDisposable
{
    private static readonly TimeSpan DialTimeout = TimeSpan.FromSeconds(5);

    /// <summary>To a first word, which a gateway says at once.</summary>
    private static readonly TimeSpan WordTimeout = TimeSpan.FromSeconds(5);

    /// <summary>A gateway takes its time where it asks others.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(25);
    private const int MaxFrame = 32 * 1024;

    /// <summary>What is said of a gateway that sends something else.</summary>
    public const string NoMessage = "the gateway has sent no message of the protocol";

    // For the greetings, which are short: a longer frame comes in pieces, and each visitor has one of these.
    private readonly byte[] _buffer = new byte[512];
    private int _start;
    private int _end;

    private TunnelWire(Socket? socket, Stream stream, IPAddress address) => (Socket, Stream, Address) = (socket, stream, address);

    /// <summary>Null: it is on the <see cref="Carrier"/>'s loop.</summary>
    public Socket? Socket { get; }

    public Stream Stream { get; }

    /// <summary>Where it leads.</summary>
    public IPAddress Address { get; }

    /// <summary>Connects, speaks TLS where that is wanted, and proves the secret.</summary>
    /// <param name="options">Where, and how.</param>
    /// <param name="gateways">Connects to the host; told of an address that is of no use.</param>
    /// <param name="carrier">Whose loop it is to be on; null where it speaks TLS.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="IOException">It could not, in words for people.</exception>
    public static async Task<TunnelWire> DialAsync(
        TunnelOptions options,
        Dialler gateways,
        Carrier? carrier,
        CancellationToken cancellation
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(DialTimeout);
        Socket? socket = null;
        IPAddress? address = null;
        TunnelWire? wire = null;
        try
        {
            if (carrier is null)
            {
                (socket, address) = await gateways.ConnectAsync(Dialler.OpenAsync, limit.Token);
                var secured = await SecureAsync(options, new NetworkStream(socket, ownsSocket: false), limit.Token);
                wire = new TunnelWire(socket, secured, address);
            }
            else
            {
                (var stream, address) = await gateways.ConnectAsync(carrier.ConnectAsync, limit.Token);
                wire = new TunnelWire(null, stream, address);
            }

            if (options.Secret is { } secret)
            {
                await wire.ProveAsync(secret, limit.Token);
            }

            return wire;
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or EndOfStreamException)
        {
            await LeaveAsync();
            cancellation.ThrowIfCancellationRequested();
            throw new IOException(
                error switch
                {
                    OperationCanceledException when wire is not null => "the gateway asks for no secret: leave it off",
                    OperationCanceledException => $"{options.Host}:{options.Port} does not answer",
                    EndOfStreamException => "the gateway has closed the connection",
                    _ => $"{options.Host}:{options.Port}: {error.Message}",
                },
                error
            );
        }
        catch
        {
            await LeaveAsync();
            throw;
        }

        async ValueTask LeaveAsync()
        {
            await (wire?.DisposeAsync() ?? ValueTask.CompletedTask);
            socket?.Dispose();
            if (address is not null && !cancellation.IsCancellationRequested)
            {
                gateways.Failed(address);
            }
        }
    }

    public Task SendAsync(string message, CancellationToken cancellation) =>
        Stream.WriteAsync(Encoding.UTF8.GetBytes(message + "\0"), cancellation).AsTask();

    /// <summary>The next message.</summary>
    /// <exception cref="EndOfStreamException">The gateway has closed.</exception>
    /// <exception cref="IOException">It is longer than any may be.</exception>
    public async Task<JsonElement> ReadAsync(CancellationToken cancellation)
    {
        var frame = new MemoryStream();
        while (true)
        {
            var rest = _buffer.AsMemory(_start, _end - _start);
            var zero = rest.Span.IndexOf((byte)0);
            if (zero >= 0)
            {
                frame.Write(rest.Span[..zero]);
                _start += zero + 1;
                return Parse(frame);
            }

            frame.Write(rest.Span);
            if (frame.Length > MaxFrame)
            {
                throw new IOException(NoMessage);
            }

            (_start, _end) = (0, await Stream.ReadAsync(_buffer, cancellation));
            if (_end == 0)
            {
                throw new EndOfStreamException();
            }
        }
    }

    /// <summary>As <see cref="ReadAsync"/>, within the time that an answer may take; what the gateway refuses is an exception.</summary>
    /// <remarks>A gateway that asks others before it answers says first that it lives: one that is paused, or whose host is gone, is not waited for.</remarks>
    public async Task<JsonElement> AnswerAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(WordTimeout);
        JsonElement answer;
        try
        {
            answer = await ReadAsync(limit.Token);
            if (answer.ValueKind == JsonValueKind.String && answer.ValueEquals("Heartbeat"))
            {
                limit.CancelAfter(AnswerTimeout);
                answer = await ReadAsync(limit.Token);
            }
        }
        catch (OperationCanceledException late) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException("the gateway does not answer", late);
        }

        if (answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("Error", out var error))
        {
            throw new TunnelRefusedException(error.ToString());
        }

        return answer;
    }

    /// <summary>What has come behind the last message: the tunnel's own bytes.</summary>
    public ReadOnlyMemory<byte> TakeRest()
    {
        var rest = _buffer.AsMemory(_start, _end - _start);
        _start = _end;
        return rest;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Stream.DisposeAsync();
        }
        catch (IOException)
        {
            // It is gone already.
        }

        Socket?.Dispose();
    }

    private static JsonElement Parse(MemoryStream frame)
    {
        try
        {
            using var document = JsonDocument.Parse(frame.ToArray());
            return document.RootElement.ValueKind is JsonValueKind.Object or JsonValueKind.String
                ? document.RootElement.Clone()
                : throw new IOException(NoMessage);
        }
        catch (JsonException error)
        {
            throw new IOException(NoMessage, error);
        }
    }

    private async Task ProveAsync(string secret, CancellationToken cancellation)
    {
        var message = await ReadAsync(cancellation);
        if (
            message.ValueKind != JsonValueKind.Object
            || !message.TryGetProperty("Challenge", out var challenge)
            || !challenge.TryGetGuid(out var id)
        )
        {
            throw new IOException("the gateway has sent no challenge");
        }

        await SendAsync($"{{\"Authenticate\":\"{TunnelKey.Answer(TunnelKey.Of(secret), id)}\"}}", cancellation);
    }

    private static async Task<Stream> SecureAsync(TunnelOptions options, Stream inner, CancellationToken cancellation)
    {
        var policy = Policy(options);
        using var certificate = OwnCertificate(options);
        var secured = new SslStream(inner);
        try
        {
            await secured.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = options.ServerName ?? options.Host,
                    CertificateChainPolicy = policy,
                    ClientCertificateContext = certificate is null
                        ? null
                        : SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true),
                },
                cancellation
            );
            return secured;
        }
        catch (Exception error) when (error is AuthenticationException or IOException)
        {
            await secured.DisposeAsync();
            // What is wrong with a certificate is said by the message; anything else is mostly somebody who speaks no TLS.
            var hint = error.Message.Contains("certificate", StringComparison.OrdinalIgnoreCase) ? "" : ": does it speak TLS?";
            throw new IOException($"TLS with {options.Host}:{options.Port}: {error.Message.TrimEnd('.')}{hint}", error);
        }
        catch
        {
            await secured.DisposeAsync();
            throw;
        }
    }

    private static X509ChainPolicy? Policy(TunnelOptions options)
    {
        if (options.CaFile is not { } file)
        {
            return null;
        }

        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(file);
        }
        catch (Exception error) when (error is CryptographicException or UnauthorizedAccessException)
        {
            throw new IOException($"--ca: '{file}' holds no certificate in PEM: {error.Message}", error);
        }

        return policy.CustomTrustStore.Count > 0 ? policy : throw new IOException($"--ca: '{file}' holds no certificate in PEM");
    }

    private static X509Certificate2? OwnCertificate(TunnelOptions options)
    {
        if (options.OwnCertificate is not var (file, key))
        {
            return null;
        }

        try
        {
            return X509Certificate2.CreateFromPemFile(file, key);
        }
        catch (Exception error) when (error is CryptographicException or UnauthorizedAccessException)
        {
            throw new IOException($"--cert, --key: '{file}' and '{key}' are no certificate and its key in PEM: {error.Message}", error);
        }
    }
}
