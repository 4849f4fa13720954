using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Configuration;

/// <summary>Checks and translates socket options and lifetimes. Pure.</summary>
internal static class SocketCompiler
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    // The kernel's MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL are 32767 s.
    private static readonly TimeSpan LongestKeepAlive = TimeSpan.FromHours(9);

    public static TcpSocketOptions Compile(string path, SocketConfig socket, ErrorList errors)
    {
        errors.Range($"{path}.userTimeout", socket.UserTimeout, TimeSpan.Zero, TimeSpan.FromHours(24));
        if (socket.KeepAlive is { } keep)
        {
            errors.Range($"{path}.keepAlive.idle", keep.Idle, Second, LongestKeepAlive);
            errors.Range($"{path}.keepAlive.interval", keep.Interval, Second, LongestKeepAlive);
            errors.Range($"{path}.keepAlive.probes", keep.Probes, 1, 127);
        }

        return new TcpSocketOptions(
            socket.KeepAlive is { } alive
                ? new KeepAliveOptions(
                    (int)Math.Ceiling(alive.Idle.TotalSeconds),
                    (int)Math.Ceiling(alive.Interval.TotalSeconds),
                    alive.Probes
                )
                : null,
            (int)socket.UserTimeout.TotalMilliseconds
        );
    }

    public static LifetimeLimits? Compile(string path, LifetimeConfig? lifetime, ErrorList errors)
    {
        if (lifetime is null)
        {
            return null;
        }

        errors.Range($"{path}.maxDuration", lifetime.MaxDuration, Second, TimeSpan.FromDays(30));
        errors.Range($"{path}.jitterPercent", lifetime.JitterPercent, 0, 100);
        return new LifetimeLimits((long)lifetime.MaxDuration.TotalMicroseconds, lifetime.JitterPercent);
    }
}
