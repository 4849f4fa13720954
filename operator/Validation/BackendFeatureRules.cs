using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>Rules of what a backend does beyond connecting.</summary>
internal sealed class BackendFeatureRules : AbstractValidator<BackendSpec>
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    public BackendFeatureRules()
    {
        RuleFor(backend => backend.SlowStart).MustBeAtMost(TimeSpan.FromHours(1));
        RuleFor(backend => backend.DrainTimeout).MustBeDuration(Shortest, TimeSpan.FromHours(24));
        RuleFor(backend => backend.Queue)
            .Null()
            .When(backend => backend.MaxConnectionsPerEndpoint is null)
            .WithMessage("needs maxConnectionsPerEndpoint: without a limit nothing ever waits");
        RuleFor(backend => backend.Queue!.Timeout)
            .MustBeDuration(Shortest, TimeSpan.FromMinutes(10))
            .When(backend => backend.Queue is not null);
        RuleFor(backend => backend.CircuitBreaker!.Timeout)
            .MustBeDuration(Shortest, TimeSpan.FromMinutes(10))
            .When(backend => backend.CircuitBreaker is not null);
        RuleFor(backend => backend.CircuitBreaker!.ResetTimeout)
            .MustBeDuration(Shortest, TimeSpan.FromHours(1))
            .When(backend => backend.CircuitBreaker is not null);
        RuleFor(backend => backend.Socket!).SetValidator(new SocketRules()).When(backend => backend.Socket is not null);
        RuleFor(backend => backend.Health!.Active!)
            .SetValidator(new ActiveHealthRules())
            .When(backend => backend.Health?.Active is not null);
    }

    /// <summary>A backup is another backend of the fleet that has none itself: so there are no circles.</summary>
    public static void BackupsExist(FleetSpec spec, ValidationContext<FleetSpec> context)
    {
        var known = spec.Backends.DistinctBy(backend => backend.Name).ToDictionary(backend => backend.Name, StringComparer.Ordinal);
        foreach (var (index, backend) in spec.Backends.Index())
        {
            if (string.IsNullOrEmpty(backend.Backup))
            {
                continue;
            }

            var path = $"Backends[{index}].Backup";
            if (backend.Backup == backend.Name)
            {
                context.AddFailure(path, "a backend cannot be its own backup");
            }
            else if (!known.TryGetValue(backend.Backup, out var backup))
            {
                context.AddFailure(path, $"there is no backend '{backend.Backup}'");
            }
            else if (backup.Backup is not null)
            {
                context.AddFailure(path, $"backend '{backend.Backup}' has a backup itself; only one step is followed");
            }
        }
    }
}

internal sealed class ActiveHealthRules : AbstractValidator<ActiveHealthSpec>
{
    public ActiveHealthRules()
    {
        RuleFor(check => check.Interval).MustBeBetween(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        RuleFor(check => check.Timeout).MustBeDuration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10));
        RuleFor(check => check.Send).Null().When(check => check.Type != "TCP").WithMessage("is only for type TCP");
        RuleFor(check => check.Expect).Null().When(check => check.Type != "TCP").WithMessage("is only for type TCP");
        RuleForEach(check => check.ExpectedStatuses)
            // Of equal length and digits: the order of texts is that of numbers.
            .Must(range => range is not { Length: 7 } || string.CompareOrdinal(range[..3], range[4..]) <= 0)
            .WithMessage("must not end before it begins");
    }
}

internal sealed class SocketRules : AbstractValidator<SocketSpec>
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    public SocketRules()
    {
        RuleFor(socket => socket.UserTimeout).MustBeDuration(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(24));
        RuleFor(socket => socket.KeepAlive!.Idle).MustBeBetween(Second, TimeSpan.FromHours(9)).When(socket => socket.KeepAlive is not null);
        RuleFor(socket => socket.KeepAlive!.Interval)
            .MustBeBetween(Second, TimeSpan.FromHours(9))
            .When(socket => socket.KeepAlive is not null);
    }
}

internal sealed class LifetimeRules : AbstractValidator<LifetimeSpec>
{
    public LifetimeRules() => RuleFor(lifetime => lifetime.MaxDuration).MustBeBetween(TimeSpan.FromSeconds(1), TimeSpan.FromHours(720));
}
