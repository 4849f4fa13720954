using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>Connects to a host by whichever of its addresses stands first, as RFC 8305 has it. Thread-safe.</summary>
/// <remarks>The next address is tried where the one before has failed, or says nothing for a while. Those that failed come last from then on, the latest last of all.</remarks>
/// <param name="host">A name or an address.</param>
/// <param name="port">Its port.</param>
/// <param name="lookUp">Finds the addresses of a name; null: the system's resolver.</param>
internal sealed class Dialler(string host, int port, Func<string, CancellationToken, Task<IPAddress[]>>? lookUp = null)
{
    /// <summary>For one address alone, before the next is tried beside it.</summary>
    private static readonly TimeSpan Lead = TimeSpan.FromMilliseconds(250);

    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _lookUp = lookUp ?? Dns.GetHostAddressesAsync;
    private readonly Lock _gate = new();

    /// <summary>The number of each address's last failure.</summary>
    private readonly Dictionary<IPAddress, long> _failures = [];
    private long _count;
    private IPAddress? _preferred;

    /// <summary>The address goes first from now on, until it <see cref="Failed"/>.</summary>
    public void Prefer(IPAddress address)
    {
        lock (_gate)
        {
            _preferred = address;
        }
    }

    /// <summary>What was reached is of no use: other addresses go first.</summary>
    public void Failed(IPAddress address)
    {
        lock (_gate)
        {
            Note([address]);
            _preferred = address.Equals(_preferred) ? null : _preferred;
        }
    }

    /// <summary>Connects; the connection, and where to.</summary>
    /// <param name="connect">Connects to one address; throws an <see cref="IOException"/> or a <see cref="SocketException"/> where it cannot.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="IOException">No address can be reached; the message names the place.</exception>
    /// <exception cref="SocketException">The host's name is not known.</exception>
    public async Task<(T Connection, IPAddress Address)> ConnectAsync<T>(
        Func<IPAddress, int, CancellationToken, Task<T>> connect,
        CancellationToken cancellation
    )
        where T : IDisposable
    {
        var left = new Queue<IPAddress>(await FindAsync(cancellation));
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var tries = new List<(IPAddress Address, Task<T> Connecting)>();
        var problem = "there is no such host";
        try
        {
            while (left.Count + tries.Count > 0)
            {
                if (left.TryDequeue(out var next))
                {
                    tries.Add((next, connect(next, port, over.Token)));
                }

                await AnyAsync(
                    tries.ConvertAll(static one => one.Connecting),
                    left.Count > 0 ? Lead : Timeout.InfiniteTimeSpan,
                    over.Token
                );
                cancellation.ThrowIfCancellationRequested();
                while (tries.FindIndex(static one => one.Connecting.IsCompleted) is >= 0 and var i)
                {
                    var (address, connecting) = tries[i];
                    tries.RemoveAt(i);
                    try
                    {
                        var connection = await connecting;
                        // They were asked before, and have said nothing.
                        Note(tries.Take(i).Select(static silent => silent.Address));
                        return (connection, address);
                    }
                    catch (Exception error) when (error is IOException or SocketException)
                    {
                        problem = error.Message;
                        Note([address]);
                    }
                }
            }
        }
        finally
        {
            await over.CancelAsync();
            foreach (var (_, connecting) in tries)
            {
                await DropAsync(connecting);
            }
        }

        throw new IOException($"{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}: {problem}");
    }

    /// <summary>A socket that is connected to an address, with the options of every connection of a client.</summary>
    public static async Task<Socket> OpenAsync(IPAddress address, int port, CancellationToken cancellation)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            Carrier.SocketOptions.Apply((int)socket.Handle);
            await socket.ConnectAsync(new IPEndPoint(address, port), cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<IEnumerable<IPAddress>> FindAsync(CancellationToken cancellation)
    {
        if (IPAddress.TryParse(host, out var literal))
        {
            return [literal];
        }

        var found = await _lookUp(host, cancellation);
        lock (_gate)
        {
            foreach (var gone in _failures.Keys.Except(found).ToList())
            {
                _failures.Remove(gone);
            }

            return [.. found.OrderBy(address => address.Equals(_preferred) ? -1 : _failures.GetValueOrDefault(address))];
        }
    }

    private void Note(IEnumerable<IPAddress> failed)
    {
        lock (_gate)
        {
            foreach (var address in failed)
            {
                _failures[address] = ++_count;
            }
        }
    }

    /// <summary>Until one has ended, or the time is over.</summary>
    private static async Task AnyAsync(IEnumerable<Task> tasks, TimeSpan wait, CancellationToken cancellation)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny([.. tasks, Task.Delay(wait, done.Token)]);
        await done.CancelAsync();
    }

    private static async Task DropAsync<T>(Task<T> connecting)
        where T : IDisposable
    {
        try
        {
            (await connecting).Dispose();
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException)
        {
            // It was not to be had anyway.
        }
    }
}
