using FluentValidation;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Validation;

/// <summary>What the schema of a single field cannot say about a listener's TLS.</summary>
internal sealed class TlsRules : AbstractValidator<TlsListenerSpec>
{
    public TlsRules()
    {
        RuleFor(tls => tls.HandshakeTimeout).MustBeDuration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10));
        RuleFor(tls => tls.CertificateRefs).NotEmpty().When(tls => tls.Mode == "Terminate").WithMessage("required in mode Terminate");
        RuleFor(tls => tls.Routes).Empty().When(tls => tls.Mode == "Terminate").WithMessage("is only for mode Passthrough");
        When(
            tls => tls.Mode == "Passthrough",
            () =>
            {
                RuleFor(tls => tls.CertificateRefs).Empty().WithMessage("is only for mode Terminate");
                RuleFor(tls => tls.ClientCertificates).Null().WithMessage("is only for mode Terminate");
                RuleFor(tls => tls.Alpn).Empty().WithMessage("is only for mode Terminate");
            }
        );
        RuleFor(tls => tls.Routes).Custom(NamesAreUnique);
        RuleForEach(tls => tls.Routes)
            .ChildRules(static route => route.RuleForEach(static one => one.ServerNames).Cascade(CascadeMode.Stop).MustBeDnsName());
    }

    private static void NamesAreUnique(IReadOnlyList<ServerNameRouteSpec> routes, ValidationContext<TlsListenerSpec> context)
    {
        var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (i, route) in routes.Index())
        {
            foreach (var (j, name) in route.ServerNames.Index())
            {
                if (!taken.Add(name))
                {
                    context.AddFailure($"Routes[{i}].ServerNames[{j}]", $"'{name}' is there twice");
                }
            }
        }
    }
}

internal sealed class BackendTlsRules : AbstractValidator<BackendTlsSpec>
{
    public BackendTlsRules()
    {
        RuleFor(tls => tls.ServerName).MustBeHost();
        RuleFor(tls => tls.InsecureSkipVerify)
            .Equal(false)
            .When(tls => tls.CaRef is not null)
            .WithMessage("must not be true where caRef says what to verify by");
        RuleFor(tls => tls.InsecureSkipVerify)
            .Equal(false)
            .When(tls => tls.CrlRef is not null)
            .WithMessage("must not be true where crlRef says what to verify by");
    }
}
