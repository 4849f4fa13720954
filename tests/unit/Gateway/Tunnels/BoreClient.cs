using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>A bore client as a script: it sends and expects exact bytes, by the description of bore's protocol and by none of the gateway's code.</summary>
internal sealed class BoreClient : IDisposable
{
    private readonly IPEndPoint _server;
    private readonly string? _secret;
    private readonly List<Socket> _open = [];

    private BoreClient(IPEndPoint server, string? secret, Socket control) => (_server, _secret, Control) = (server, secret, control);

    public Socket Control { get; }

    public int Port { get; private set; }

    /// <summary>Opens a tunnel as <c>bore local --port</c> does.</summary>
    public static async Task<BoreClient> OpenAsync(IPEndPoint server, int port = 0, string? secret = null)
    {
        var control = await DialAsync(server, secret);
        var client = new BoreClient(server, secret, control);
        await SendAsync(control, $"{{\"Hello\":{port}}}");
        var hello = await FrameAsync(control);
        hello.ShouldStartWith("{\"Hello\":");
        hello.ShouldEndWith("}");
        client.Port = int.Parse(hello["{\"Hello\":".Length..^1], System.Globalization.CultureInfo.InvariantCulture);
        return client;
    }

    /// <summary>Connects, and answers the challenge where there is a secret.</summary>
    public static async Task<Socket> DialAsync(IPEndPoint server, string? secret)
    {
        var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server).WaitAsync(TunnelRig.Patience);
        if (secret is not null)
        {
            var challenge = await FrameAsync(socket);
            challenge.ShouldMatch("""^\{"Challenge":"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"\}$""");
            var id = challenge["{\"Challenge\":\"".Length..^2].Replace("-", "", StringComparison.Ordinal);
            var key = SHA256.HashData(Encoding.UTF8.GetBytes(secret));
            var tag = HMACSHA256.HashData(key, Convert.FromHexString(id));
            await SendAsync(socket, $"{{\"Authenticate\":\"{Convert.ToHexStringLower(tag)}\"}}");
        }

        return socket;
    }

    /// <summary>Waits for a visitor, heartbeats aside; its id.</summary>
    public async Task<string> VisitorAsync()
    {
        while (true)
        {
            var frame = await FrameAsync(Control);
            if (frame == "\"Heartbeat\"")
            {
                continue;
            }

            frame.ShouldMatch("""^\{"Connection":"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"\}$""");
            return frame["{\"Connection\":\"".Length..^2];
        }
    }

    /// <summary>The data connection of a visitor, through any gateway.</summary>
    /// <param name="id">The visitor's.</param>
    /// <param name="early">Sent in one piece with the message.</param>
    /// <param name="through">Null: the gateway of the tunnel.</param>
    public async Task<Socket> AcceptAsync(string id, string early = "", IPEndPoint? through = null)
    {
        var data = await DialAsync(through ?? _server, _secret);
        _open.Add(data);
        await data.SendAsync(Encoding.UTF8.GetBytes($"{{\"Accept\":\"{id}\"}}\0{early}"));
        return data;
    }

    /// <summary>Serves every visitor with an echo until the control connection ends.</summary>
    public async Task EchoAsync(IPEndPoint? through = null)
    {
        try
        {
            while (true)
            {
                var data = await AcceptAsync(await VisitorAsync(), through: through);
                _ = Listeners.TestServer.EchoAsync(data).ContinueWith(_ => data.Dispose(), TaskScheduler.Default);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or EndOfStreamException)
        {
            // The tunnel is over.
        }
    }

    public static Task SendAsync(Socket socket, string message) => socket.SendAsync(Encoding.UTF8.GetBytes(message + "\0"));

    /// <summary>What comes up to the next zero byte, and not a byte more.</summary>
    public static async Task<string> FrameAsync(Socket socket)
    {
        var bytes = new List<byte>();
        var one = new byte[1];
        while (true)
        {
            var count = await socket.ReceiveAsync(one).WaitAsync(TunnelRig.Patience);
            if (count == 0)
            {
                throw new EndOfStreamException($"after '{Encoding.UTF8.GetString([.. bytes])}'");
            }

            if (one[0] == 0)
            {
                bytes.Count.ShouldBeLessThanOrEqualTo(256);
                return Encoding.UTF8.GetString([.. bytes]);
            }

            bytes.Add(one[0]);
        }
    }

    public void Dispose()
    {
        Control.Dispose();
        _open.ForEach(static socket => socket.Dispose());
    }
}
