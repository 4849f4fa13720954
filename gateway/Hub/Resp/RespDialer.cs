using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Mooring.Gateway.Registry.Redis;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>What a server said of itself when it was connected to.</summary>
/// <param name="Version">Major version; 0: it did not say.</param>
/// <param name="IsResp3">It speaks RESP3.</param>
/// <param name="Role"><c>master</c> or <c>replica</c>; empty: it did not say.</param>
internal sealed record RespServer(int Version, bool IsResp3, string Role)
{
    /// <summary>Digits of <see cref="RunId"/>.</summary>
    public const int RunIdLength = 40;

    private static readonly string NoRunId = new('0', RunIdLength);

    /// <summary>Names one life of one server's process (<c>run_id</c> of INFO): another after each restart, and in each replica. Zeros: it did not say, or was not asked.</summary>
    public string RunId { get; init; } = NoRunId;

    /// <summary>Both have said who they are, and are not the same.</summary>
    public bool IsOtherThan(RespServer other) => RunId != NoRunId && other.RunId != NoRunId && RunId != other.RunId;

    /// <summary>SSUBSCRIBE and SPUBLISH came with 7.0.</summary>
    public bool HasShardedChannels => Version >= 7;
}

/// <summary>Connects: TCP or Unix socket, TLS, HELLO with the user and password, and who the server is.</summary>
internal static class RespDialer
{
    private const string ClientName = "mooring";

    /// <summary>A connection that is ready for commands.</summary>
    /// <param name="endpoint">To where.</param>
    /// <param name="settings">How.</param>
    /// <param name="counters">Told of it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <param name="scripts">The server gets to know these, and says which life of it this is; null: neither.</param>
    /// <exception cref="IOException">There is none; says why.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<RespTransport> DialAsync(
        RespEndpoint endpoint,
        RespSettings settings,
        RespCounters counters,
        TimeProvider time,
        CancellationToken cancellation,
        IReadOnlyList<RespScript>? scripts = null
    )
    {
        using var deadline = new CancellationTokenSource(settings.Limits.ConnectTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        Stream? stream = null;
        try
        {
            var password = await settings.Password(either.Token);
            stream = await ConnectAsync(endpoint, settings.Tls, either.Token);
            var dialog = new RespDialog(stream, settings.Limits);
            var server = await GreetAsync(dialog, settings.Username, password, either.Token);
            server = scripts is null ? server : await PrepareAsync(dialog, server, scripts, either.Token);
            counters.CountConnect();
            return new RespTransport(stream, server, settings.Limits, counters, time);
        }
        catch (Exception e)
        {
            if (stream is not null)
            {
                await stream.DisposeAsync();
            }

            cancellation.ThrowIfCancellationRequested();
            if (e is OperationCanceledException)
            {
                throw new IOException($"{endpoint}: no connection within {settings.Limits.ConnectTimeout.TotalSeconds:0.#} s", e);
            }

            if (e is IOException or SocketException or AuthenticationException)
            {
                throw new IOException($"{endpoint}: {Reason(e)}", e);
            }

            throw;
        }
    }

    /// <summary>One line that says why.</summary>
    public static string Reason(Exception e) =>
        e is OperationCanceledException or ObjectDisposedException ? "closed" : e.Message.ReplaceLineEndings(" ");

    private static async Task<Stream> ConnectAsync(RespEndpoint endpoint, RedisTls? tls, CancellationToken cancellation)
    {
        var socket = endpoint.IsUnix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (endpoint.IsUnix)
            {
                await socket.ConnectAsync(endpoint.ToEndPoint(), cancellation);
            }
            else
            {
                await socket.ConnectAsync(endpoint.Host, endpoint.Port, cancellation);
            }
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        var raw = new NetworkStream(socket, ownsSocket: true);
        if (tls is null)
        {
            return raw;
        }

        var secure = new SslStream(raw, leaveInnerStreamOpen: false, TlsTrust.Load(tls.CaFile));
        try
        {
            var options = new SslClientAuthenticationOptions { TargetHost = tls.ServerName ?? endpoint.Host };
            await secure.AuthenticateAsClientAsync(options, cancellation);
            return secure;
        }
        catch
        {
            await secure.DisposeAsync();
            throw;
        }
    }

    private static async Task<RespServer> GreetAsync(RespDialog dialog, string? user, string? password, CancellationToken cancellation)
    {
        var plain = RespCommand.Of("HELLO", "3", "SETNAME", ClientName);
        var hello = password is null ? plain : RespCommand.Of("HELLO", "3", "AUTH", user ?? "default", password, "SETNAME", ClientName);
        var reply = await dialog.AskAsync(hello, cancellation);
        if (reply.IsError && password is not null && reply.Text!.Contains("without any password", StringComparison.OrdinalIgnoreCase))
        {
            // A Sentinel that has no password of its own.
            (reply, password) = (await dialog.AskAsync(plain, cancellation), null);
        }

        if (!reply.IsError)
        {
            return Read(reply);
        }

        var error = new RespServerException(reply.Text!);
        if (error.Code is not ("NOPROTO" or "ERR"))
        {
            throw error;
        }

        // Servers before version 6, and proxies, do not know HELLO.
        if (password is not null)
        {
            var login = user is null ? RespCommand.Of("AUTH", password) : RespCommand.Of("AUTH", user, password);
            await ExpectAsync(dialog, login, cancellation);
        }

        await ExpectAsync(dialog, RespCommand.Ping, cancellation);
        return new RespServer(0, false, "");
    }

    /// <summary>What a server does not let us do here is no reason not to use it: scripts then go whole, and its life has no name.</summary>
    private static async Task<RespServer> PrepareAsync(
        RespDialog dialog,
        RespServer server,
        IReadOnlyList<RespScript> scripts,
        CancellationToken cancellation
    )
    {
        // In one trip: a server far away, or busy after a failover, would need longer for one after the other than connecting may take.
        var replies = await dialog.AskAllAsync(
            [.. scripts.Select(static script => script.Load()), RespCommand.Of("INFO", "server")],
            cancellation
        );
        var info = replies[^1];
        return !info.IsError && RunId(info.Text ?? "") is { } id ? server with { RunId = id } : server;
    }

    private static string? RunId(string info)
    {
        foreach (var line in info.AsSpan().EnumerateLines())
        {
            if (line.StartsWith("run_id:") && line.Length == "run_id:".Length + RespServer.RunIdLength && Ascii.IsValid(line))
            {
                return line["run_id:".Length..].ToString();
            }
        }

        return null;
    }

    private static async Task ExpectAsync(RespDialog dialog, RespCommand command, CancellationToken cancellation)
    {
        var reply = await dialog.AskAsync(command, cancellation);
        if (reply.IsError)
        {
            throw new RespServerException(reply.Text!);
        }
    }

    private static RespServer Read(in RespValue hello)
    {
        var (version, role) = (0, "");
        var items = hello.Items;
        for (var i = 0; i + 1 < items.Length; i += 2)
        {
            switch (items[i].Text)
            {
                case "version":
                    _ = int.TryParse(items[i + 1].Text?.Split('.')[0], out version);
                    break;
                case "role":
                    role = items[i + 1].Text ?? "";
                    break;
            }
        }

        return new RespServer(version, true, role);
    }
}
