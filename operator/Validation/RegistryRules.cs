using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

internal sealed class RegistryRules : AbstractValidator<RegistrySpec>
{
    public RegistryRules()
    {
        RuleFor(registry => registry.Ttl)
            .Must(ttl => !Duration.TryParse(ttl, out var value) || (value >= TimeSpan.FromSeconds(5) && value <= TimeSpan.FromHours(1)))
            .WithMessage("must be 5s to 1h");
        RuleFor(registry => registry.Redis.Cluster)
            .Equal(false)
            .When(registry => registry.Redis.Sentinel is not null)
            .WithMessage("excludes sentinel, and the other way round");
    }

    /// <summary>What host mode cannot do: there are no Secrets to mount.</summary>
    public static IEnumerable<FieldError> CheckForHost(RegistrySpec? registry)
    {
        if (registry?.Redis.PasswordRef is not null)
        {
            yield return new FieldError(
                "spec.registry.redis.passwordRef",
                "needs a cluster: in host mode set REDIS_PASSWORD, or REDIS_PASSWORD_FILE to a file that has it"
            );
        }

        if (registry?.Redis.Tls?.CaRef is not null)
        {
            yield return new FieldError("spec.registry.redis.tls.caRef", "needs a cluster: host mode goes by the system's authorities");
        }
    }
}
