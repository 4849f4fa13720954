using System.Text.RegularExpressions;
using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

internal sealed partial class WebSocketRules : AbstractValidator<WebSocketListenerSpec>
{
    public WebSocketRules()
    {
        RuleFor(socket => socket.Affinity!.Name)
            .NotNull()
            .When(socket => socket.Affinity?.Type is "Header" or "Query")
            .WithMessage("is required for types Header and Query");
        RuleFor(socket => socket.Affinity!.Name)
            .Null()
            .When(socket => socket.Affinity?.Type is "Cookie" or "ClientAddress")
            .WithMessage("is only for types Header and Query");
        RuleFor(socket => socket.Affinity!.Cookie.Ttl).MustBeAtMost(TimeSpan.FromHours(9600)).When(socket => socket.Affinity is not null);
        RuleFor(socket => socket.IdleTimeout).MustBeAtMost(TimeSpan.FromHours(24));
        RuleForEach(socket => socket.Origins).MustBeOrigin();
        RuleForEach(socket => socket.Routes)
            .ChildRules(route =>
            {
                route.RuleForEach(one => one.Hosts).MustBeHostOrNamesBelow();
                route.RuleFor(one => one.PathPrefix).Must(path => !UnservedPath().IsMatch(path)).WithMessage(Patterns.UnservedPathMessage);
            });
        RuleFor(socket => socket.MessageBurst)
            .Null()
            .When(socket => socket.MessagesPerMinute is null)
            .WithMessage("needs messagesPerMinute");
        When(
            socket => socket.Mode == "Hub",
            () =>
            {
                const string Proxy = "is not for mode Hub";
                RuleFor(socket => socket.Subprotocols).Empty().WithMessage(Proxy);
                RuleFor(socket => socket.MessagesPerMinute).Null().WithMessage(Proxy);
                RuleFor(socket => socket.MaxMessageBytes).Null().WithMessage(Proxy);
                RuleFor(socket => socket.Ping).Null().WithMessage(Proxy);
                RuleFor(socket => socket.Upgrades).Null().WithMessage(Proxy);
                RuleFor(socket => socket.Identity).Null().WithMessage(Proxy);
            }
        );
        RuleFor(socket => socket.Ping!.Interval)
            .MustBeBetween(TimeSpan.FromSeconds(1), TimeSpan.FromHours(24))
            .When(socket => socket.Ping is not null);
        RuleFor(socket => socket.Ping!.Timeout)
            .MustBeBetween(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))
            .When(socket => socket.Ping is not null);
        RuleFor(socket => socket.Upgrades!.Hold)
            .MustBeBetween(TimeSpan.Zero, TimeSpan.FromMilliseconds(3_900))
            .When(socket => socket.Upgrades is not null);
    }

    [GeneratedRegex(Patterns.UnservedPath, RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex UnservedPath();
}
