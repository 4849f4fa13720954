namespace Mooring.Gateway.Transport;

/// <summary>Sockets of one loop that the kernel would not watch: whoever comes there waits in vain, so each is tried again until it is watched, or let go.</summary>
/// <remarks>
/// The kernel refuses for want of memory, or when the user's processes watch as many as they may (<c>fs.epoll.max_user_watches</c>, epoll(7)).
/// For the loop's thread only, but for <see cref="Count"/> and <see cref="FailuresTotal"/>.
/// </remarks>
/// <param name="loop">Its name, for whoever reads the log.</param>
/// <param name="watch">Watches a socket for these events with this data; 0, or the error.</param>
internal sealed unsafe class UnwatchedSockets(string loop, Func<int, uint, ulong, int> watch)
{
    /// <summary>Between two tries, in microseconds.</summary>
    public const long RetryMicroseconds = 250_000;

    /// <summary>A socket that is refused again and again is said once in this time, in microseconds.</summary>
    private const long QuietMicroseconds = 60_000_000;

    private readonly Dictionary<int, (uint Events, ulong Data)> _sockets = [];
    private long _failures;
    private int _count;
    private long _retryAt;
    private long _saidAt = long.MinValue / 2;
    private bool _said;

    /// <summary>Sockets that are not watched now. Thread-safe.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Refusals of the kernel so far, those of tries again among them. Thread-safe.</summary>
    public long FailuresTotal => Volatile.Read(ref _failures);

    /// <summary>The kernel has refused a socket.</summary>
    public void Add(int descriptor, uint events, ulong data, int error, long now)
    {
        _sockets[descriptor] = (events, data);
        _retryAt = Math.Max(_retryAt, now + RetryMicroseconds);
        Failed(descriptor, error, now);
        Volatile.Write(ref _count, _sockets.Count);
    }

    /// <summary>The socket is nobody's to watch any more.</summary>
    public void Remove(int descriptor)
    {
        _sockets.Remove(descriptor);
        Volatile.Write(ref _count, _sockets.Count);
    }

    /// <summary>Tries each again, where it is time to. To be called while there are any.</summary>
    public void Retry(long now)
    {
        if (now < _retryAt)
        {
            return;
        }

        _retryAt = now + RetryMicroseconds;
        foreach (var (descriptor, (events, data)) in _sockets.ToArray())
        {
            if (watch(descriptor, events, data) is not 0 and var error)
            {
                Failed(descriptor, error, now);
                continue;
            }

            _sockets.Remove(descriptor);
            if (_said)
            {
                Console.Error.WriteLine($"{loop}: {Name(descriptor)} is watched again");
            }
        }

        _said &= _sockets.Count > 0;
        Volatile.Write(ref _count, _sockets.Count);
    }

    private void Failed(int descriptor, int error, long now)
    {
        Volatile.Write(ref _failures, _failures + 1);
        if (now - _saidAt < QuietMicroseconds)
        {
            return;
        }

        (_saidAt, _said) = (now, true);
        Console.Error.WriteLine(
            $"{loop}: the kernel does not watch {Name(descriptor)}: {Errno.Describe(error)}; whoever comes there waits, or other loops serve them; tried again every {RetryMicroseconds / 1000} ms"
        );
    }

    private static string Name(int descriptor)
    {
        var address = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        return Libc.GetSocketName(descriptor, address, &length) == 0 && address[0] is (byte)SocketFlag.Inet or (byte)SocketFlag.Inet6
            ? $"the socket of port {KernelAddress.Read(address).Port}"
            : $"descriptor {descriptor}";
    }
}
