using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>What the schema cannot say of a listener in Hub mode: the same as the CEL of <see cref="ListenerSpec"/> and <see cref="HubSpec"/>.</summary>
internal sealed class HubRules : AbstractValidator<ListenerSpec>
{
    public HubRules()
    {
        RuleFor(listener => listener.WebSocket!.Hub)
            .Null()
            .When(static listener => listener.WebSocket is { Mode: not WebSocketModes.Hub })
            .WithMessage("is only for mode Hub");
        When(
            static listener => listener.WebSocket is { Mode: WebSocketModes.Hub },
            () =>
            {
                RuleFor(listener => listener.Backend).Null().WithMessage("is not for mode Hub");
                RuleFor(listener => listener.WebSocket!.Routes).Empty().WithMessage("is not for mode Hub");
                RuleFor(listener => listener.WebSocket!.Affinity).Null().WithMessage("is not for mode Hub");
                RuleFor(listener => listener.WebSocket!.Lifetime).Null().WithMessage("is not for mode Hub");
                RuleFor(listener => listener.WebSocket!.IdleTimeout).Null().WithMessage("is not for mode Hub");
                RuleFor(listener => listener.WebSocket!.Hub!)
                    .SetValidator(new HubSpecRules())
                    .When(static listener => listener.WebSocket?.Hub is not null);
            }
        );
    }
}

internal sealed class HubSpecRules : AbstractValidator<HubSpec>
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    public HubSpecRules()
    {
        RuleFor(hub => hub.QueueAge).MustBeBetween(Second, TimeSpan.FromMinutes(10));
        RuleFor(hub => hub.PingInterval).MustBeBetween(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(10));
        RuleFor(hub => hub.Rpc!.Timeout)
            .MustBeBetween(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(30))
            .When(static hub => hub.Rpc is not null);
        RuleFor(hub => hub.Rpc!.Url).MustBeHttpUrl().When(static hub => hub.Rpc is not null);
        RuleFor(hub => hub.PersonalNamespace)
            .Must(static (hub, name) => name is null || hub.Namespaces.Any(one => one.Name == name))
            .WithMessage("must be the name of one of namespaces");
        RuleForEach(hub => hub.Namespaces)
            .ChildRules(one =>
            {
                one.RuleFor(space => space.Delta)
                    .Equal(false)
                    .When(static space => space.History is not { Recovery: true })
                    .WithMessage("needs history with recovery");
                one.RuleFor(space => space.History)
                    .Null()
                    .When(static space => space.Queue is not null)
                    .WithMessage("is not for queues, which keep jobs until they are done");
                one.RuleFor(space => space.Queue!).SetValidator(new HubQueueRules()).When(static space => space.Queue is not null);
                one.RuleFor(space => space.History!.Ttl)
                    .MustBeBetween(Second, TimeSpan.FromDays(30))
                    .When(static space => space.History is not null);
                // Not the schema's: within two lists of 64 its budget for rules is used up.
                one.RuleFor(space => space.History!.MetaTtl)
                    .MustBeBetween(Second, TimeSpan.FromDays(365))
                    .Must(
                        static (space, text) =>
                            !Duration.TryParse(text, out var meta) || !Duration.TryParse(space.History!.Ttl, out var ttl) || meta >= ttl
                    )
                    .WithMessage("must be at least ttl")
                    .When(static space => space.History is not null);
            });
    }
}

internal sealed class AuthenticationRules : AbstractValidator<AuthenticationSpec>
{
    public AuthenticationRules()
    {
        RuleFor(authentication => authentication.Jwt)
            .Must(static jwt => jwt is null || jwt.HmacSecretRef is not null || jwt.PublicKeysRef is not null || jwt.JwksUrl is not null)
            .WithMessage("one of hmacSecretRef, publicKeysRef and jwksUrl must be set");
        RuleFor(authentication => authentication.Jwt!.JwksUrl)
            .MustBeHttpUrl()
            .When(static authentication => authentication.Jwt is not null);
        RuleFor(authentication => authentication.Jwt!.Leeway)
            .Must(static text => !Duration.TryParse(text, out var leeway) || leeway <= TimeSpan.FromMinutes(5))
            .When(static authentication => authentication.Jwt is not null)
            .WithMessage("must be at most 5m");
    }
}
