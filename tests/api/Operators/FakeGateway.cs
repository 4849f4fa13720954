using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Stream;

namespace Mooring.Api.Tests.Operators;

/// <summary>The gateway's end of the stream, as a pod would dial it: trusts the ConfigMap's authority and shows a pod's token.</summary>
internal sealed class FakeGateway : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly SocketsHttpHandler _handler;
    private readonly HttpMessageInvoker _invoker;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(10));

    private FakeGateway(int port, string authorities)
    {
        var trusted = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trusted.CustomTrustStore.ImportFromPem(authorities);
        _handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = trusted },
            // The name that is dialled is the certificate's; there is no DNS for it here.
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        _invoker = new HttpMessageInvoker(_handler);
    }

    /// <summary>Dials and says hello.</summary>
    public static async Task<FakeGateway> ConnectAsync(
        int port,
        string authorities,
        string? token,
        string fleet,
        string pod,
        StreamRole role = StreamRole.Gateway
    )
    {
        var gateway = new FakeGateway(port, authorities);
        gateway._socket.Options.AddSubProtocol(StreamLimits.Subprotocol);
        if (token is not null)
        {
            gateway._socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        }

        await gateway._socket.ConnectAsync(new Uri(OperatorProcess.StreamUrl), gateway._invoker, gateway._limit.Token);
        await gateway.SendAsync(
            new HelloMessage
            {
                Fleet = fleet,
                Gateway = pod,
                Version = "test",
                Role = role,
            }
        );
        return gateway;
    }

    public async Task SendAsync(GatewayMessage message) =>
        await _socket.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.GatewayMessage),
            WebSocketMessageType.Text,
            true,
            _limit.Token
        );

    /// <summary>The next message of one kind; others are passed over, a config among them is acknowledged.</summary>
    /// <returns>Null: the operator has closed the stream.</returns>
    public Task<T?> ReceiveAsync<T>()
        where T : OperatorMessage => ReceiveAsync<T>(static _ => true);

    /// <inheritdoc cref="ReceiveAsync{T}()"/>
    /// <param name="wanted">Which of the kind; others are passed over too.</param>
    public async Task<T?> ReceiveAsync<T>(Func<T, bool> wanted)
        where T : OperatorMessage
    {
        var buffer = new byte[StreamLimits.MaxMessageBytes];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await _socket.ReceiveAsync(buffer.AsMemory(length), _limit.Token);
                length += part.Count;
            } while (!part.EndOfMessage);

            if (part.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            var message = JsonSerializer.Deserialize(buffer.AsSpan(0, length), ContractsJson.Default.OperatorMessage);
            if (message is ConfigMessage config)
            {
                await SendAsync(new AckMessage { Hash = config.Hash, Accepted = true });
            }

            if (message is T found && wanted(found))
            {
                return found;
            }
        }
    }

    /// <summary>Why the operator closed the stream; only after <see cref="ReceiveAsync{T}()"/> said that it did.</summary>
    public string? CloseReason => _socket.CloseStatusDescription;

    public ValueTask DisposeAsync()
    {
        _socket.Abort();
        _socket.Dispose();
        _invoker.Dispose();
        _handler.Dispose();
        _limit.Dispose();
        return ValueTask.CompletedTask;
    }
}
